"""The database of Astron (section 7 of its page)."""

from model import Model, Refused, counted, silent
from world import u16


class Astron(Model):
    def with_defaults(self, dclass, given):
        """Stored values of a new object: each field that has an explicit default is set."""
        for field in dclass.fields.values():
            if field.has("db") and not field.atoms and field.explicit is not None:
                given.setdefault(field.number, field.explicit)
        return given

    def say(self, do_id, sender, name, **args):
        """Tells whom it concerns, in the name of who asked."""
        message = self.d.encode(name, do_id=do_id, **args)
        self.said.append((self.d.stored_channel(do_id), sender, message))

    def say_updated(self, do_id, sender, pairs):
        if len(pairs) == 1:
            field, value = pairs[0]
            return self.say(do_id, sender, "DbUpdateField", field=field.number, value=value)
        fields = b"".join(u16(field.number) + value for field, value in pairs)
        self.said.append((self.d.stored_channel(do_id), sender, u16(3021)
                          + do_id.to_bytes(4, "little") + u16(len(pairs)) + fields))

    # Reading.

    def answering(self, sender, reader, name, read):
        """An answer with what `read` finds, or a failure and nothing more."""
        context = self.context(reader)
        if context is None:
            return
        try:
            success, fields = read(self.record(reader.u32()), reader)
        except Refused:
            success, fields = False, b""
        self.answer(sender, name, context=context, success=int(success), fields=fields)

    def select_field(self, sender, reader):
        def read(record, reader):
            field = reader.stored_field(record.dclass)
            reader.end()
            if record.value(field) is None:
                raise Refused("not set")
            return True, u16(field.number) + record.value(field)

        self.answering(sender, reader, "DbSelectFieldResp", read)

    def select(self, sender, reader):
        def read(record, reader):
            fields = [reader.stored_field(record.dclass) for _ in range(reader.u16())]
            reader.end()
            asked = {field.number: record.value(field) for field in fields}
            return True, counted([(n, v) for n, v in sorted(asked.items()) if v is not None])

        self.answering(sender, reader, "DbSelectResp", read)

    def select_all(self, sender, reader):
        def read(record, reader):
            reader.end()
            return True, u16(record.dclass.number) + record.pairs()

        self.answering(sender, reader, "DbSelectAllResp", read)

    # Writing.

    @silent
    def update_field(self, sender, reader):
        do_id = reader.u32()
        self.set(do_id, sender, reader, 1)

    @silent
    def update(self, sender, reader):
        do_id, count = reader.u32(), reader.u16()
        self.set(do_id, sender, reader, count)

    def set(self, do_id, sender, reader, count):
        record = self.record(do_id)
        pairs = self.fields_and_values(reader, record.dclass, count)
        reader.end()
        self.store(record, pairs)
        if pairs:
            self.say_updated(do_id, sender, pairs)

    def field_if_equals(self, sender, reader):
        self.if_equals(sender, reader, "DbFieldIfEqualsResp", lambda reader: 1)

    def fields_if_equals(self, sender, reader):
        self.if_equals(sender, reader, "DbIfEqualsResp", lambda reader: reader.u16())

    def if_equals(self, sender, reader, name, count):
        context = self.context(reader)
        if context is None:
            return
        try:
            do_id = reader.u32()
            record = self.record(do_id)
            triples = []
            for _ in range(count(reader)):
                field = reader.stored_field(record.dclass, molecules=False)
                triples.append((field, reader.value(field), reader.value(field)))
            reader.end()
            success, fields = self.exchange(do_id, sender, record, triples, name)
        except Refused:
            success, fields = False, b""
        self.answer(sender, name, context=context, success=int(success), fields=fields)

    def exchange(self, do_id, sender, record, triples, name):
        """Sets all if all are as they should be; else the current values of those that are set."""
        if all(record.value(field) == old for field, old, _ in triples):
            pairs = [(field, new) for field, _, new in triples]
            self.store(record, pairs)
            self.say_updated(do_id, sender, pairs)
            return True, b""
        current = {field.number: record.value(field) for field, _, _ in triples}
        current = [(n, v) for n, v in sorted(current.items()) if v is not None]
        if name == "DbIfEqualsResp":
            return False, counted(current)
        return False, b"".join(u16(number) + value for number, value in current)

    def field_if_empty(self, sender, reader):
        context = self.context(reader)
        if context is None:
            return
        try:
            do_id = reader.u32()
            record = self.record(do_id)
            field = reader.stored_field(record.dclass, molecules=False)
            value = reader.value(field)
            reader.end()
            success, fields = record.value(field) is None, b""
            if success:
                self.store(record, [(field, value)])
                self.say_updated(do_id, sender, [(field, value)])
            else:
                fields = u16(field.number) + record.value(field)
        except Refused:
            success, fields = False, b""
        self.answer(sender, "DbFieldIfEmptyResp", context=context, success=int(success), fields=fields)

    # Deleting.

    @silent
    def delete_field(self, sender, reader):
        do_id = reader.u32()
        self.clear(do_id, sender, reader, 1)

    @silent
    def delete_fields(self, sender, reader):
        do_id, count = reader.u32(), reader.u16()
        self.clear(do_id, sender, reader, count)

    def clear(self, do_id, sender, reader, count):
        """Each field gets its explicit default or none, and those that changed are told."""
        record, changed = self.record(do_id), []
        fields = [reader.stored_field(record.dclass, molecules=False) for _ in range(count)]
        reader.end()
        for field in dict.fromkeys(fields):
            if record.value(field) != field.explicit:
                changed.append(field.number)
                record.values.pop(field.number, None)
                if field.explicit is not None:
                    record.values[field.number] = field.explicit
        if len(changed) == 1:
            self.say(do_id, sender, "DbDeleteField", field=changed[0])
        elif changed:
            self.say(do_id, sender, "DbDeleteFields", fields=changed)

    @silent
    def delete(self, sender, reader):
        do_id = reader.u32()
        reader.end()
        self.record(do_id)
        del self.objects[do_id]
        self.say(do_id, sender, "DbDelete")

    handlers = {3000: Model.create, 3010: select_field, 3012: select, 3014: select_all,
                3020: update_field, 3021: update, 3022: field_if_equals, 3024: fields_if_equals,
                3026: field_if_empty, 3030: delete_field, 3031: delete_fields, 3032: delete}
