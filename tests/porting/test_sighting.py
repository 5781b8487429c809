from polysilicon.porting.sighting import Sighting, gathered


def test_the_first_place_of_a_rule_stands_for_every_line_of_a_file_like_it():
    seen = [
        Sighting("jit", 9, 0, "b"),
        Sighting("jit", 3, 0, "a"),
        Sighting("jit", 3, 8, "a"),
        Sighting("dev", 4, 0, "c"),
    ]
    kept = gathered(seen, {"jit"})
    assert [(one.rule, one.line, one.lines) for one in kept] == [("dev", 4, 1), ("jit", 3, 2)]


def test_places_that_deal_with_other_targets_are_kept_apart():
    kept = gathered([Sighting("jit", 3, 0, "a", beside=1), Sighting("jit", 5, 0, "a")], {"jit"})
    assert sorted((one.line, one.beside) for one in kept) == [(3, 1), (5, 0)]
