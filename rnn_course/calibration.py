"""How `autograder calibrate` measures the notebooks of this course, corpus by corpus.

Test reviews are padded in front. If a network wants the padding elsewhere, a locked function
`padding_behind` of its notebook moves it.
"""

from autograder.courses import Recipe

ACCURACY = """
_tokens = padding_behind(_tokens) if 'padding_behind' in globals() else _tokens
_outputs = student.get({model!r}).predict(_tokens)[:, 0]
_bar = 0.5 if 'keras' in globals() else 0.0  # probabilities or logits
print(float(((_outputs > _bar) == (_labels > 0.5)).mean()))
"""
LONGMEMORY = "_tokens, _labels = longmemory.arrays({examples}, seed='calibration/{seed}')"
MADE_UP = """
_texts, _labels = write_reviews({examples}, [*b'calibration/{seed}'])
_tokens = imdb.pad(_texts, 30)
"""
ONE_VOICE = "_, _tokens, _labels = read_reviews({examples}, 'calibration/{seed}')"
IMDB = """
_texts, _labels = imdb.load_data(num_words=5000)[1]
_tokens = imdb.pad(_texts, 200)
"""

RECIPES = {
    "longmemory": Recipe("fit", "model", LONGMEMORY + ACCURACY),
    # the language of `simple_rnn_keras`, written by its notebook
    "made-up": Recipe("fit", "model", MADE_UP + ACCURACY),
    # as `feedforward_and_cnn` draws them from longmemory
    "one-voice": Recipe("fit", "model", ONE_VOICE + ACCURACY),
    "one-voice, feed-forward": Recipe("fit-feedforward", "feedforward_model", ONE_VOICE + ACCURACY),
    "imdb": Recipe("real", "real_model", IMDB + ACCURACY, tier="gpu"),
}
