# ---
# note: no copy of the base, so the changes pile up in one dict
# scores:
#   rnn: {settings: 0, table-test: 1, accuracy: 0}
# ---
# %% rnn settings-answer
def one_at_a_time(base, changes):
    settings = [base]
    for change in changes:
        setting = base
        setting.update(change)
        settings.append(setting)
    return settings
