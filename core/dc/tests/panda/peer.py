"""Panda3D's own DC parser, asked line by line.

A line of JSON comes in: {"text": a DC file, "values": [[class, field, text], ...]}. One goes out:
{"hash", "classes": [{"name", "fields": [[name, number, default in hex or null], ...]}, ...],
"packed": [hex or null, ...]}, or {"refused": true}. Argument: lines of a Config.prc.
"""

import json
import os
import sys

from panda3d.core import StringStream, loadPrcFileData
from panda3d.direct import DCFile

for line in sys.argv[1:]:
    loadPrcFileData("", line)

answers = os.fdopen(os.dup(1), "w")
silence = os.open(os.devnull, os.O_WRONLY)
os.dup2(silence, 1)
os.dup2(silence, 2)


def field_facts(field):
    default = bytes(field.getDefaultValue()).hex() if field.hasDefaultValue() else None
    return [field.getName(), field.getNumber(), default]


def class_facts(dclass):
    fields = [field_facts(dclass.getField(at)) for at in range(dclass.getNumFields())]
    every = [dclass.getInheritedField(at) for at in range(dclass.getNumInheritedFields())]
    return {"name": dclass.getName(), "fields": fields, "all": [each.getNumber() for each in every]}


def pack(dc_file, class_name, field_name, text):
    field = dc_file.getClassByName(class_name).getFieldByName(field_name)
    data = bytes(field.parseString(text))
    # What cannot be packed comes back empty, or fails the check of its ranges.
    return data.hex() if field.validateRanges(data) else None


for line in sys.stdin:
    question = json.loads(line)
    dc_file = DCFile()
    if not dc_file.read(StringStream(question["text"].encode()), "question"):
        answer = {"refused": True}
    else:
        classes = [class_facts(dc_file.getClass(at)) for at in range(dc_file.getNumClasses())]
        packed = [pack(dc_file, *value) for value in question["values"]]
        answer = {"hash": dc_file.getHash() & 0xFFFFFFFF, "classes": classes, "packed": packed}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
