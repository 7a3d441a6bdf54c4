# ---
# note: files whose names are no UTF-8, begin with =, + or @, or hold a line's end
# kind: files
# known_from: formulas in spreadsheets; tools that print every name
# files:
#   "caf%E9.txt": x
#   "%ff%fe.csv": x
#   "=HYPERLINK(%22https:%2F%2Fexample.com%22).txt": x
#   "+cmd|' %2FC calc'!A0.txt": x
#   "@SUM(1).pth": x
#   "a%0Ab%1b[2J.pth": x
#   "%e2%80%ae.pkl": x
# ---
# %% judged +end
pass
