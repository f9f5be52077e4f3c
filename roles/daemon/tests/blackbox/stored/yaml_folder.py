#!/usr/bin/env python3
"""Astron's folder of YAML files: served as it is, read into a store, written out of one.

    python3 yaml_folder.py --binary target/debug/ferriswheel [--dialect both] [--shards 2]

A folder has a file per object, `<do_id>.yaml`, with `id`, `class` and `fields` (name: the value as
the DC language writes it), and `info.yaml` with the `next` id and the `free` ones.
"""

import re
import sys

from night import must, run
from base import LOW
from daemon import NotServing
from directory import contents
from world import i16, text, u8, u16, u32

OBJECTS = {
    LOW: ("Keeper", ['setUser: \'("fogg")\'', "setPin: (11)", "setTally: (-3)", "setShifts: '([1, 2, 65535])'",
                     "rooms: 17"],
          dict(setUser=text("fogg"), setPin=u32(11), setTally=i16(-3), setShifts=u16(6) + u16(1, 2, 65535),
               rooms=u16(17))),
    LOW + 1: ("Engine", ['setTitle: \'("a \\"b\\"")\'', "setPosX: (5)", "setPosY: (-6)", "setGold: (70000)"],
              dict(setTitle=text('a "b"'), setPosX=i16(5), setPosY=i16(-6), setGold=u32(70_000))),
    LOW + 4: ("HeadKeeper", ['setMeal: \'("")\'', 'setUser: \'("x")\'', "setTrip: '((7, 3))'"],
              dict(setMeal=text(""), setUser=text("x"), setTrip=u32(7) + u8(3))),
}
NEXT = LOW + 5


def a_folder(night):
    """A folder as Astron leaves it: ids 2 and 3 were given back."""
    folder = night.folder / "yaml_db"
    folder.mkdir()
    for do_id, (dclass, fields, _) in OBJECTS.items():
        lines = [f"id: {do_id}", f"class: {dclass}", "fields:"] + ["  " + field for field in fields]
        (folder / f"{do_id}.yaml").write_text("\n".join(lines) + "\n")
    free = f"  - {LOW + 2}\n  - {LOW + 3}\n"
    (folder / "info.yaml").write_text(f"next: {NEXT}\nfree:\n{free}")
    return folder


def roles(directory="yaml_db"):
    return (f"  - {{type: database, control: 4003, generate: {{min: {LOW}, max: {LOW + 1_000}}},\n"
            f"     backend: {{type: yaml, directory: {directory}}}}}\n")


def is_all_there(base, without=()):
    for do_id, (dclass, _, values) in OBJECTS.items():
        if do_id in without:
            base.expect_none(do_id)
        else:
            base.expect_stored(do_id, dclass, **values)


def value_in(file, name):
    """What a file says of a field, without spaces, quotes and parentheses."""
    found = re.search(rf"^\s+{name}:\s*(.*)$", file.read_text(), re.MULTILINE)
    return found and re.sub(r"[\s'\"()\\]", "", found.group(1))


def a_folder_is_served_as_it_is(night):
    folder = a_folder(night)
    base = night.base_of(roles())
    is_all_there(base)
    first = LOW
    answer = base.exchange(first, "setPin", u32(11), u32(12))
    must(answer.get("ret_code", 0) == 0 and answer.get("success", 1) == 1, f"{answer}")
    must(value_in(folder / f"{first}.yaml", "setPin") == "12", (folder / f"{first}.yaml").read_text())
    new = base.create("Keeper", setUser=text("new"))
    must(new not in OBJECTS and (folder / f"{new}.yaml").exists(), f"{new}")
    must(value_in(folder / f"{new}.yaml", "setUser") == "new", (folder / f"{new}.yaml").read_text())
    base.hear_of(LOW + 1)
    base.delete(LOW + 1)
    base.expect(base.deleted(LOW + 1))
    must(not (folder / f"{LOW + 1}.yaml").exists(), "its file is still there")
    base.restart(kill=True)
    base.expect_none(LOW + 1)
    base.expect_stored(new, "Keeper", **base.defaults("Keeper", setUser=text("new")))
    values = {**OBJECTS[first][2], "setPin": u32(12)}
    base.expect_stored(first, "Keeper", **values)


def values_go_out_and_come_back(night):
    """What the daemon writes it reads again, whatever bytes a value has."""
    folder = night.folder / "yaml_db"
    base = night.base_of(roles())
    strings = [b"", b"\"quoted\" 'and' \\", b"a: b # c", b"- x\n\ttab", b"  spaces  ", b"{}[],&*!|>%@`",
               b"null", b"1e3"]
    made = {}
    for string in strings:
        values = dict(setMemo=text(string), setSeal=text(bytes(range(64))), setTrip=u32(5) + u8(1))
        made[base.create("Keeper", **values)] = base.defaults("Keeper", **values)
    base.restart()
    for do_id, values in made.items():
        base.expect_stored(do_id, "Keeper", **values)
    must(len(list(folder.glob("*.yaml"))) == len(made) + 1, f"{list(folder.iterdir())}")


def import_and_export(night):
    """Into a store, served from there, and out again into a folder that is served too."""
    folder = a_folder(night)
    base = night.base()
    base.park.stop()
    config = base.park.daemon.config
    code, said = night.tool("import", "--config", config, folder)
    must(code == 0, f"import: {code} {said}")
    base.start_again()
    is_all_there(base)
    new = base.create("Keeper", setUser=text("new"))
    must(new >= NEXT, f"{new} is an id that was given before")
    base.park.stop()
    out = night.folder / "out"
    code, said = night.tool("export", "--config", config, out)
    must(code == 0, f"export: {code} {said}")
    second = night.base_of(roles("out"))
    is_all_there(second)
    second.expect_stored(new, "Keeper", **second.defaults("Keeper", setUser=text("new")))


def is_refused(night, folder, file, line):
    """It does not start, names the file and the line, and touches nothing."""
    before = contents(folder)
    try:
        night.base_of(roles())
    except NotServing as trouble:
        must(f"{file.name}:{line}" in str(trouble), f"{file.name}:{line} is not in: {trouble}")
    else:
        must(False, f"{file.read_text()} is served")
    must(contents(folder) == before, "something was touched")


def a_broken_file_is_named(night):
    folder = a_folder(night)
    file = folder / f"{LOW + 1}.yaml"
    file.write_text("id: [what\n")
    is_refused(night, folder, file, 2)


def a_value_that_the_dc_file_does_not_allow_is_named(night):
    folder = a_folder(night)
    file = folder / f"{LOW}.yaml"
    file.write_text(file.read_text().replace("(-3)", "(-30000)"))
    is_refused(night, folder, file, 6)


CHECKS = [a_folder_is_served_as_it_is, values_go_out_and_come_back, import_and_export,
          a_broken_file_is_named, a_value_that_the_dc_file_does_not_allow_is_named]

if __name__ == "__main__":
    sys.exit(run(CHECKS, __doc__))
