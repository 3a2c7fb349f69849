"""Handing out images: stories of two, then many people and much time against the one rule that matters."""

import random

from dashboard.decisions.leases import LEASE_S, MOST_LEASED, HandedOut, Lease, hand_out

QUEUE = [f"i{k:03d}" for k in range(300)]


def ask(reviewer, leases, now_s=0.0, queue=QUEUE, skipped=()):
    return hand_out(queue, [one for one in queue if one not in skipped], leases, reviewer, now_s)


def test_a_reviewer_alone_gets_the_whole_queue_and_leases_its_beginning():
    found = ask("Ann", {})
    assert list(found.at_hand) == QUEUE
    assert found.n_with_others == 0
    assert list(found.leases) == QUEUE[:MOST_LEASED]


def test_a_second_reviewer_goes_on_where_the_first_ones_images_end():
    leases = ask("Ann", {}).leases
    ben = ask("Ben", leases)
    assert list(ben.at_hand) == QUEUE[10:20]  # not one more: what is free may be Ann's next
    assert list(ben.free) == QUEUE[20:]
    assert ben.n_with_others == 10
    ann = ask("Ann", ben.leases)
    assert (list(ann.at_hand), ann.n_with_others) == (QUEUE[:10], 10)


def test_asking_again_changes_nothing():
    once = ask("Ben", ask("Ann", {}).leases)
    assert ask("Ben", once.leases) == once


def test_what_is_answered_is_followed_by_what_is_free_and_ones_own_comes_first():
    leases = ask("Ben", ask("Ann", {}).leases).leases
    left = [one for one in QUEUE if one not in QUEUE[:4]]
    assert list(ask("Ann", leases, queue=left).at_hand) == QUEUE[4:10] + QUEUE[20:24]


def test_an_answer_that_is_undone_finds_its_image_still_with_its_reviewer():
    leases = ask("Ben", ask("Ann", {}).leases).leases
    after_an_answer = ask("Ann", leases, queue=QUEUE[1:]).leases
    bens = ask("Ben", after_an_answer).at_hand  # the answer is undone: the image waits again
    assert QUEUE[0] not in bens
    assert ask("Ann", after_an_answer).at_hand[0] == QUEUE[0]


def test_a_skipped_image_is_free_for_others():
    leases = ask("Ben", ask("Ann", {}).leases).leases
    after = ask("Ann", leases, skipped=QUEUE[:1])
    assert QUEUE[0] not in after.at_hand
    found = ask("Cem", after.leases)
    assert found.at_hand[0] == QUEUE[0]


def test_an_image_comes_free_when_its_reviewer_has_not_asked_for_so_long():
    leases = ask("Ann", {}).leases
    assert ask("Ben", leases, now_s=LEASE_S - 1).at_hand[0] == QUEUE[10]
    assert ask("Ben", leases, now_s=LEASE_S + 1).at_hand[0] == QUEUE[0]
    renewed = ask("Ann", leases, now_s=LEASE_S - 1).leases
    assert ask("Ben", renewed, now_s=LEASE_S + 1).at_hand[0] == QUEUE[10]


def test_who_has_not_said_their_name_sees_what_is_free_and_takes_nothing():
    leases = ask("Ann", {}).leases
    found = ask("", leases)
    assert found == HandedOut(tuple(QUEUE[10:]), (), 10, leases)


def test_twenty_reviewers_share_a_queue_of_three_hundred():
    leases, handed = {}, []
    for k in range(20):
        found = ask(f"reviewer {k}", leases)
        leases = found.leases
        handed.append(set(found.at_hand[:MOST_LEASED]))
    assert all(len(images) == MOST_LEASED for images in handed)  # 20 x 10 = 200
    assert len(set().union(*handed)) == 200


def test_a_short_queue_leaves_something_for_who_comes_next():
    leases = ask("Ann", {}, queue=QUEUE[:10]).leases
    assert len(leases) == 5  # 10 // (1 + 1)
    ben = ask("Ben", leases, queue=QUEUE[:10])
    assert list(ben.at_hand) == QUEUE[5:8]  # 10 // (2 + 1)
    assert list(ask("Cem", ben.leases, queue=QUEUE[:10]).at_hand) == QUEUE[8:10]
    full = {one: Lease("Ann", 10.0) for one in QUEUE[:10]}
    assert ask("Ben", full, queue=QUEUE[:10]) == HandedOut((), (), 10, full)


def test_who_came_first_gives_some_back_when_many_have_come():
    queue, leases = QUEUE[:40], {}
    for who in ("Ann", "Ben", "Cem", "Dora", "Eve"):
        leases = ask(who, leases, queue=queue).leases
    assert list(ask("Eve", leases, queue=queue).at_hand) == QUEUE[38:40]  # 10 + 10 + 10 + 8 are with others
    ann = ask("Ann", leases, queue=queue)
    assert list(ann.at_hand) == QUEUE[:6]  # 40 // (5 + 1): what she gives back is the last she would come to
    assert list(ask("Eve", ann.leases, queue=queue).at_hand) == QUEUE[38:40] + QUEUE[6:10]


def test_however_people_come_answer_skip_undo_and_go_no_image_is_shown_to_two():
    """At each moment: what anybody still has on the screen, as handed out last, is with nobody else."""
    for seed in range(30):
        chance = random.Random(seed)
        people = [f"p{k}" for k in range(chance.randint(2, 6))]
        leases, answered, skipped = {}, [], {one: set() for one in people}
        screens = {}
        now_s = 0.0
        for _ in range(200):
            now_s += chance.uniform(0, 40)
            who = chance.choice(people)
            screen, asked_s = screens.get(who, ((), -LEASE_S))
            mine = [one for one in screen if one not in answered and one not in skipped[who]]
            act = chance.random()
            if mine and now_s - asked_s < LEASE_S:
                if act < 0.6:
                    answered.append(mine[0])
                elif act < 0.7:
                    skipped[who].add(mine[0])
                elif act < 0.8 and answered and (last := answered[-1]) in screen:
                    answered.remove(last)
            queue = [one for one in QUEUE[:60] if one not in answered]
            found = ask(who, leases, now_s, queue, skipped[who])
            leases = found.leases
            n_leased = sum(leases[one].reviewer == who for one in found.at_hand if one in leases)
            screens[who] = found.at_hand[:n_leased], now_s  # beyond is a look ahead, leased before it is reached
            for other, (theirs, since_s) in screens.items():
                if other != who and now_s - since_s < LEASE_S:
                    both = set(found.at_hand) & set(theirs) - set(answered) - skipped[other]
                    assert not both, (seed, who, other, both)
