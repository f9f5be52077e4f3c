//! Parameters: types and what narrows them, numbers, values.

use super::cursor::{TYPES_DEPTH_MAX, VALUES_DEPTH_MAX, is_reserved};
use super::{Parsed, Parser};
use crate::lexer::{self, Kind, Token};
use crate::syntax::{
    CaseSyntax, ClassSyntax, Modifier, NumberSyntax, ParameterSyntax, RangeSyntax, SwitchSyntax,
    TypeSyntax, ValueSyntax,
};
use crate::value::{Number, Value};

/// Values of a list after `value * count` is worked out, at most.
const LIST_MAX: u32 = 65_535;
/// Cases of a switch, at most: they are looked through one by one.
const CASES_MAX: usize = 256;
/// Ranges of a type, at most: so are they.
const RANGES_MAX: usize = 256;

impl Parser<'_> {
    /// `(a, b)`.
    pub(super) fn parameters(&mut self) -> Parsed<Vec<ParameterSyntax>> {
        self.expect(b'(', "`(`")?;
        let mut parameters = Vec::new();
        if self.take(b')') {
            return Ok(parameters);
        }
        loop {
            parameters.push(self.parameter()?);
            if self.take(b')') {
                return Ok(parameters);
            }
            self.expect(b',', "`,` or `)`")?;
        }
    }

    pub(super) fn parameter(&mut self) -> Parsed<ParameterSyntax> {
        let start = self.token().span;
        let base = self.deeper(TYPES_DEPTH_MAX, Self::base_type)?;
        let mut modifiers = Vec::new();
        self.modifiers(&mut modifiers)?;
        let is_name = self.kind() == Kind::Word && !is_reserved(self.word());
        let name = if is_name { self.name("a name")? } else { self.no_name() };
        self.modifiers(&mut modifiers)?;
        let default = if self.take(b'=') { Some(self.value()?) } else { None };
        Ok(ParameterSyntax { name, base, modifiers, default, span: start.to(self.last()) })
    }

    pub(super) fn base_type(&mut self) -> Parsed<TypeSyntax> {
        match self.word() {
            "struct" => {
                self.next();
                let is_named = self.kind() == Kind::Word;
                let name = if is_named { self.name("a name")? } else { self.no_name() };
                let fields = self.fields(&name.text)?;
                let (is_struct, parents) = (true, Vec::new());
                let class = ClassSyntax { is_struct, name, parents, fields };
                Ok(TypeSyntax::Struct(Box::new(class)))
            }
            "switch" => Ok(TypeSyntax::Switch(Box::new(self.switch()?))),
            _ => self.name("a type").map(TypeSyntax::Named),
        }
    }

    pub(super) fn switch(&mut self) -> Parsed<SwitchSyntax> {
        self.next();
        let name = if self.kind() == Kind::Word { self.name("a name")? } else { self.no_name() };
        self.expect(b'(', "`(` and the key of the switch")?;
        let key = self.parameter()?;
        self.expect(b')', "`)`")?;
        self.expect(b'{', "`{`")?;
        let (mut fields, mut cases) = (Vec::new(), Vec::<CaseSyntax>::new());
        // Cases that have not met a `break`: what follows belongs to them too.
        let mut open = 0;
        while !self.take(b'}') {
            if self.take(b';') {
                continue;
            }
            match self.word() {
                "case" | "default" => {
                    let span = self.token().span;
                    let value =
                        if self.next_word() == "default" { None } else { Some(self.value()?) };
                    self.expect(b':', "`:`")?;
                    cases.push(CaseSyntax { value, fields: fields.len()..fields.len(), span });
                    if cases.len() > CASES_MAX {
                        let what = format!("a switch has at most {CASES_MAX} cases");
                        return self.lost(span, what);
                    }
                }
                "break" => {
                    self.next();
                    self.expect(b';', "`;`")?;
                    open = cases.len();
                }
                _ if open == cases.len() => return self.expected("`case` or `default`"),
                _ => {
                    fields.push(self.field(&name.text)?);
                    cases[open..].iter_mut().for_each(|case| case.fields.end = fields.len());
                }
            }
        }
        Ok(SwitchSyntax { name, key, fields, cases })
    }

    pub(super) fn modifiers(&mut self, modifiers: &mut Vec<Modifier>) -> Parsed<()> {
        loop {
            let start = self.token().span;
            if self.take(b'%') {
                modifiers.push(Modifier::Modulus(self.number()?));
            } else if self.take(b'/') {
                modifiers.push(Modifier::Divisor(self.number()?));
            } else if self.take(b'(') {
                let ranges = self.ranges(b')')?;
                modifiers.push(Modifier::Ranges(ranges, start.to(self.last())));
            } else if self.take(b'[') {
                let ranges = self.ranges(b']')?;
                modifiers.push(Modifier::Array(ranges, start.to(self.last())));
            } else {
                return Ok(());
            }
        }
    }

    /// `a-b, c` up to what closes them.
    pub(super) fn ranges(&mut self, close: u8) -> Parsed<Vec<RangeSyntax>> {
        let mut ranges = Vec::new();
        if self.take(close) {
            return Ok(ranges);
        }
        loop {
            let low = self.number()?;
            let high = if self.take(b'-') { self.number()? } else { low.clone() };
            let span = low.span;
            ranges.push(RangeSyntax { low, high });
            if ranges.len() > RANGES_MAX {
                return self.lost(span, format!("a type has at most {RANGES_MAX} ranges"));
            }
            if self.take(close) {
                return Ok(ranges);
            }
            self.expect(b',', "`,` or the end of the range")?;
        }
    }

    pub(super) fn number(&mut self) -> Parsed<NumberSyntax> {
        let start = self.token().span;
        let negative = self.take(b'-');
        if !negative {
            self.take(b'+');
        }
        let token = self.token();
        let text = &self.text[token.span.range()];
        let span = start.to(token.span);
        match token.kind {
            Kind::Number => {
                self.next();
                Ok(NumberSyntax { number: number(text, negative), span })
            }
            Kind::Text => match lexer::unquote(text)[..] {
                [code] => {
                    self.next();
                    Ok(NumberSyntax { number: Number::Whole(code.into()), span })
                }
                _ => self.expected("one character between quotes"),
            },
            Kind::Word | Kind::Hex | Kind::Mark(_) | Kind::Comment | Kind::Wrong | Kind::End => {
                self.expected("a number")
            }
        }
    }

    pub(super) fn value(&mut self) -> Parsed<ValueSyntax> {
        let start = self.token().span;
        let value = self.deeper(VALUES_DEPTH_MAX, Self::shallow_value)?;
        Ok(ValueSyntax { value, span: start.to(self.last()) })
    }

    pub(super) fn shallow_value(&mut self) -> Parsed<Value> {
        let Token { kind, span } = self.token();
        let text = &self.text[span.range()];
        match kind {
            Kind::Text => {
                self.next();
                Ok(Value::Text(lexer::unquote(text)))
            }
            Kind::Hex => {
                self.next();
                Ok(Value::Hex(lexer::unhex(text)))
            }
            Kind::Mark(b'[') => self.list(b']').map(Value::List),
            Kind::Mark(b'{') => self.list(b'}').map(Value::List),
            Kind::Mark(b'(') => self.list(b')').map(Value::List),
            Kind::Number | Kind::Mark(b'-' | b'+') => {
                self.number().map(|number| Value::Number(number.number))
            }
            Kind::Word | Kind::Mark(_) | Kind::Comment | Kind::Wrong | Kind::End => {
                self.expected("a value")
            }
        }
    }

    pub(super) fn list(&mut self, close: u8) -> Parsed<Vec<(Value, u32)>> {
        self.next();
        let (mut items, mut total) = (Vec::new(), 0u32);
        loop {
            if self.take(close) {
                return Ok(items);
            }
            // The name of what is given, as the tool prints it, means nothing.
            if self.kind() == Kind::Word && self.kind_ahead(1) == Kind::Mark(b'=') {
                self.at += 2;
            }
            let value = self.value()?;
            let mut count = 1;
            if self.take(b'*') {
                let number = self.number()?;
                count = match number.number {
                    Number::Whole(count @ 0..=65_535) => count as u32,
                    Number::Whole(_) | Number::Real(_) => {
                        return self.lost(number.span, "a count is a number from 0 to 65535");
                    }
                };
            }
            total = total.saturating_add(count);
            if total > LIST_MAX {
                return self.lost(value.span, format!("a list has at most {LIST_MAX} values"));
            }
            items.push((value.value, count));
            if !self.take(b',') && !self.is_mark(close) {
                return self.expected("`,` or the end of the list");
            }
        }
    }
}

/// The number that a token stands for. A whole number too long for any type is a real one.
fn number(text: &str, negative: bool) -> Number {
    let digits = text.strip_prefix("0x").or(text.strip_prefix("0X"));
    let (digits, radix) = digits.map_or((text, 10), |digits| (digits, 16));
    match i128::from_str_radix(digits, radix) {
        Ok(whole) => Number::Whole(if negative { -whole } else { whole }),
        Err(_) => {
            let real = text.parse().unwrap_or(f64::INFINITY);
            Number::Real(if negative { -real } else { real })
        }
    }
}
