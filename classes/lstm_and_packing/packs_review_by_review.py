# ---
# note: drops the padding, and keeps each review in one piece
# scores:
#   packing: {pack: 2}
# ---
# %% packing pack-answer
def pack(reviews):
    order = sorted(range(len(reviews)), key=lambda n: -len(reviews[n]))
    longest = max([len(review) for review in reviews], default=0)
    return {
        "order": order,
        "data": [word for n in order for word in reviews[n]],
        "batch_sizes": [sum(len(review) > t for review in reviews) for t in range(longest)],
    }
