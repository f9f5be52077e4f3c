"""The database of the seed protocol (section 4 there; `openotp` 12 to 22)."""

from model import Model, Refused, silent
from world import u16

DIE = (0x44696521, 0x21656944)
KILL = (0x4B696C6C, 0x6C6C694B)
DONE, DIFFERS, NO_OBJECT, BAD_FIELD = 0, 1, 2, 3
NO_CLASS = 0xFFFF


class OpenOtp(Model):
    def with_defaults(self, dclass, given):
        """Stored values of a new object: a required field has its explicit default or must be given."""
        for field in dclass.fields.values():
            if field.has("required") and field.has("db") and not field.atoms:
                if field.number not in given and field.explicit is None:
                    raise Refused(f"{field.name} has no default")
                given.setdefault(field.number, field.explicit)
        return given

    # One object.

    @silent
    def delete(self, sender, reader):
        verify_code, do_id = reader.u32(), reader.u32()
        reader.end()
        if verify_code in DIE:
            self.record(do_id)
            self.remove(do_id)

    def remove(self, do_id):
        del self.objects[do_id]
        self.said.append((do_id, self.control, self.d.encode("DeleteRam", do_id=do_id)))

    def select(self, sender, reader):
        context = self.context(reader)
        if context is None:
            return
        try:
            record, values = self.record(reader.u32()), b""
            for _ in range(reader.u16()):
                values += value_or_default(record, reader.stored_field(record.dclass))
            reader.end()
        except Refused:
            values = b""
        self.answer(sender, "DbSelectResp", context=context, fields=values)

    def select_all(self, sender, reader):
        context = self.context(reader)
        if context is None:
            return
        try:
            record = self.record(reader.u32())
            reader.end()
        except Refused:
            return self.answer(sender, "DbSelectAllResp", context=context, dclass=NO_CLASS, fields=b"")
        fields = b"".join(value_or_default(record, field) for field in record.dclass.required)
        fields += record.pairs(lambda field: not field.has("required"))
        number = record.dclass.number
        self.answer(sender, "DbSelectAllResp", context=context, dclass=number, fields=fields)

    @silent
    def update(self, sender, reader):
        reader.u32()
        do_id = reader.u32()
        record = self.record(do_id)
        pairs = self.fields_and_values(reader, record.dclass, reader.u16())
        reader.end()
        self.store(record, pairs)
        self.announce(do_id, pairs, sender)

    def announce(self, do_id, pairs, sender):
        """To the object, unless it was the object that asked."""
        if sender == do_id or not pairs:
            return
        fields = b"".join(u16(field.number) + value for field, value in pairs)
        if len(pairs) == 1:
            message = self.d.encode("UpdateField", do_id=do_id, field=pairs[0][0].number, value=pairs[0][1])
        else:
            message = self.d.encode("UpdateFieldMultiple", do_id=do_id, count=len(pairs), fields=fields)
        self.said.append((do_id, self.control, message))

    def update_if_equals(self, sender, reader):
        context = self.context(reader)
        if context is None:
            return
        code, values = self.exchange(sender, reader)
        self.answer(sender, "DbIfEqualsResp", context=context, ret_code=code, fields=values)

    def exchange(self, sender, reader):
        """The return code, and the values that follow it."""
        try:
            do_id, count = reader.u32(), reader.u16()
            if do_id not in self.objects:
                return NO_OBJECT, b""
            record = self.objects[do_id]
            triples = self.triples(record, reader, count)
            current = [value_or_default(record, field) for field, _, _ in triples]
            if any(value != old for value, (_, old, _) in zip(current, triples)):
                return DIFFERS, b"".join(current)
            pairs = [(field, new) for field, _, new in triples]
            self.store(record, pairs)
        except Refused:
            return BAD_FIELD, b""
        self.announce(do_id, pairs, sender)
        return DONE, b""

    def triples(self, record, reader, count):
        found = []
        for _ in range(count):
            field = reader.stored_field(record.dclass, molecules=False)
            found.append((field, reader.value(field), reader.value(field)))
        reader.end()
        return found

    # All objects of a class.

    @silent
    def delete_query(self, sender, reader):
        verify_code, dclass = reader.u32(), self.dclass(reader.u16())
        comparisons = read_comparisons(reader, dclass)
        reader.end()
        if verify_code in KILL:
            for do_id in self.matching(dclass, comparisons):
                self.remove(do_id)

    def select_query(self, sender, reader):
        context = self.context(reader)
        if context is None:
            return
        try:
            dclass = self.dclass(reader.u32())
            comparisons = read_comparisons(reader, dclass)
            reader.end()
            found = self.matching(dclass, comparisons)
        except Refused:
            found = []
        self.answer(sender, "DbSelectQueryResp", context=context, do_ids=found)

    @silent
    def update_query(self, sender, reader):
        dclass = self.dclass(reader.u32())
        comparisons = read_comparisons(reader, dclass)
        pairs = self.fields_and_values(reader, dclass, reader.u16())
        reader.end()
        for do_id in self.matching(dclass, comparisons):
            self.store(self.objects[do_id], pairs)
            self.announce(do_id, pairs, sender)

    def matching(self, dclass, comparisons):
        of_class = [(n, o) for n, o in sorted(self.objects.items()) if o.dclass is dclass]
        return [do_id for do_id, record in of_class
                if all((record.value(field) == value) == equals for equals, field, value in comparisons)]

    handlers = {1003: Model.create, 1008: delete, 1010: delete_query, 1012: select, 1014: update,
                1016: select_query, 1018: update_query, 1020: select_all, 1024: update_if_equals}


def read_comparisons(reader, dclass):
    """(whether equal, field, value) of each."""
    found = []
    for _ in range(reader.u16()):
        operation = reader.u8()
        if operation not in (0, 1):
            raise Refused(f"no comparison {operation}")
        field = reader.stored_field(dclass, molecules=False)
        found.append((operation == 0, field, reader.value(field)))
    return found


def value_or_default(record, field):
    """What was set, or what the DC file says."""
    parts = [record.values.get(atom.number, atom.default) for atom in members(field)]
    return b"".join(parts)


def members(field):
    return field.members if field.atoms else [field]
