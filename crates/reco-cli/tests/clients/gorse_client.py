"""Asks a service by Gorse's own client. Arguments: the service's address, its key, a user, an item and a feature of its data."""

import sys

from gorse import Gorse, GorseException

address, key, user, item, feature = sys.argv[1:]
client = Gorse(address, key)

best = client.get_recommend(user, n=3)
assert len(best) == 3 and all(one.score is not None for one in best), best
assert best == sorted(best, key=lambda one: -one.score), [one.score for one in best]
page = client.get_recommend(user, n=2, offset=1)
assert [one.id for one in page] == [one.id for one in best[1:]], page
of_feature = client.get_recommend(user, category=feature, n=3)
assert of_feature and all(feature in client.get_item(one.id)["Categories"] for one in of_feature), of_feature

feedback = {"FeedbackType": "star", "UserId": "", "ItemId": item, "Value": 5, "Timestamp": "2026-11-29T18:30:00Z"}
session = client.session_recommend([feedback], n=4)
assert len(session) == 4 and item not in [one["Id"] for one in session], session

neighbors = client.get_neighbors(item, n=3)
assert len(neighbors) == 3 and item not in [one["Id"] for one in neighbors], neighbors
assert client.get_neighbors(item, n=2, offset=1) == neighbors[1:], neighbors

described = client.get_item(item)
assert described["ItemId"] == item and described["Comment"], described
assert client.search_items(described["Comment"], n=1)[0]["ItemId"] == item
items, _ = client.get_items(5)
assert len(items) == 5, items

assert client.insert_feedback("star", "anew", item, "2026-11-29T18:30:00Z", value=5) == {"RowAffected": 1}
assert client.insert_feedbacks([{**feedback, "UserId": "anew", "FeedbackType": "read", "ItemId": best[0].id}]) == {"RowAffected": 1}
met = [item, best[0].id]
assert not any(one.id in met for one in client.get_recommend("anew", n=5)), "what was met is not recommended"
assert client.delete_user("anew") == {"RowAffected": 1}
assert client.delete_user("anew") == {"RowAffected": 0}

try:
    Gorse(address, "wrong").insert_feedback("star", "anew", item, "", value=5)
    raise SystemExit("a wrong key was accepted")
except GorseException as error:
    assert error.status_code == 401, error.status_code
