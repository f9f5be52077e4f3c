//! What clients may do, as the configuration and the classes say: prepared once, and looked up
//! whenever a client says something.

use crate::config::{Config, InterestPermission, Uberdog};
use crate::ejection::Offence;
use crate::session::{Session, State};
use crate::view::{How, Key};
use dc::{Class, Keywords};
use runtime::Rate;
use wire::ids::{ClassId, DoId, FieldId};

/// What clients may do.
pub struct Rules {
    /// As it was configured; uberdogs are in the order of their ids.
    pub config: Config,
    /// How many messages a client may send.
    pub messages: Option<Rate>,
    /// How many bytes a client may send.
    pub bytes: Option<Rate>,
    /// What everybody may send.
    clsend: Keywords,
    /// What the owner may send.
    ownsend: Keywords,
}

/// An object that a client speaks to.
#[derive(Clone, Copy)]
pub struct Addressee {
    /// Its class.
    pub dclass: ClassId,
    /// Whether the client owns it.
    pub is_owned: bool,
    /// Whether it thinks that it still does, as it was not told otherwise.
    pub may_think_so: bool,
}

impl Rules {
    /// Prepares what is asked for often.
    pub fn new(mut config: Config) -> Rules {
        config.uberdogs.sort_unstable_by_key(|uberdog| uberdog.id);
        let (schema, limits) = (&config.schema, &config.limits);
        let keyword = |name| schema.keyword(name).unwrap_or_default();
        Rules {
            messages: Rate::new(limits.messages_per_second, limits.message_burst),
            bytes: Rate::new(limits.bytes_per_second, limits.byte_burst),
            clsend: keyword("clsend"),
            ownsend: keyword("ownsend"),
            config,
        }
    }

    /// The uberdog of this id.
    #[inline]
    pub fn uberdog(&self, do_id: DoId) -> Option<&Uberdog> {
        let uberdogs = &self.config.uberdogs;
        let at = uberdogs.binary_search_by_key(&do_id, |uberdog| uberdog.id).ok()?;
        uberdogs.get(at)
    }

    /// The class of this number, if objects can be of it.
    pub fn class(&self, dclass: ClassId) -> Option<&Class> {
        self.config.schema.class_by_number(dclass.0).filter(|class| !class.is_struct)
    }

    /// The object that a client speaks to; `None` if it left the client's sight so lately that the
    /// client may not know.
    #[inline]
    pub fn addressee(
        &self,
        session: &Session,
        do_id: DoId,
        key: Key,
    ) -> Result<Option<Addressee>, Offence<'static>> {
        let is_anonymous = session.state < State::Established;
        if let Some(uberdog) = self.uberdog(do_id) {
            if is_anonymous && !uberdog.is_anonymous {
                return Err(Offence::AnonymousViolation(do_id));
            }
            let dclass = ClassId(uberdog.dclass.0);
            let known = session.view.known(key);
            let is_owned = known.is_some_and(|known| known.how == How::Owned);
            let may_think_so = session.view.lost_unsaid(key);
            return Ok(Some(Addressee { dclass, is_owned, may_think_so }));
        }
        if is_anonymous {
            return Err(Offence::AnonymousViolation(do_id));
        }
        if let Some(known) = session.view.known(key) {
            let is_owned = known.how == How::Owned;
            let may_think_so = session.view.lost_unsaid(key);
            return Ok(Some(Addressee { dclass: known.dclass, is_owned, may_think_so }));
        }
        match session.view.was_known(do_id) {
            true => Ok(None),
            false => Err(Offence::MissingObject(do_id)),
        }
    }

    /// Checks that a client may set a field to a value. Whether it may: what only the owner may do
    /// is ignored of who cannot know that it is the owner no longer.
    #[inline]
    pub fn check_update(
        &self,
        session: &Session,
        (do_id, to): (DoId, Addressee),
        field: FieldId,
        value: &[u8],
    ) -> Result<bool, Offence<'static>> {
        let schema = &self.config.schema;
        let forbidden = Offence::ForbiddenField { do_id, field };
        let class = schema.class_by_number(to.dclass.0).ok_or(forbidden)?;
        let id = class.field_by_number(field.0).ok_or(forbidden)?;
        let keywords = schema.field(id).keywords.0;
        let may_send = keywords & self.clsend.0 != 0
            || (to.is_owned && keywords & self.ownsend.0 != 0)
            || session.may_send(do_id, field);
        let is_forgiven = to.may_think_so && keywords & self.ownsend.0 != 0;
        if !may_send && !is_forgiven {
            return Err(forbidden);
        }
        schema.check(id, value).map_err(|error| Offence::BadValue(field, error))?;
        Ok(may_send)
    }

    /// Takes a field and its value from the front of `fields`; `None` if they are none of the class.
    pub fn split_field<'a>(
        &self,
        dclass: ClassId,
        fields: &mut &'a [u8],
    ) -> Option<(FieldId, &'a [u8])> {
        let schema = &self.config.schema;
        let (number, rest) = fields.split_first_chunk::<2>()?;
        let number = u16::from_le_bytes(*number);
        let id = schema.class_by_number(dclass.0)?.field_by_number(number)?;
        let mut after = rest;
        schema.skip(id, &mut after).ok()?;
        *fields = after;
        Some((FieldId(number), &rest[..rest.len() - after.len()]))
    }

    /// Checks that a client may open an interest below a parent.
    pub fn check_interest(
        &self,
        session: &Session,
        parent: DoId,
        key: Key,
    ) -> Result<(), Offence<'static>> {
        match self.config.add_interest {
            InterestPermission::Enabled => Ok(()),
            InterestPermission::Visible if self.is_in_sight(session, parent, key) => Ok(()),
            InterestPermission::Visible | InterestPermission::Disabled => {
                Err(Offence::ForbiddenInterest(parent))
            }
        }
    }

    /// Checks that a client may close an interest below a parent. The client may not know yet that the
    /// parent has left.
    pub fn check_interest_removal(
        &self,
        session: &Session,
        parent: DoId,
        key: Key,
    ) -> Result<(), Offence<'static>> {
        match self.check_interest(session, parent, key) {
            Err(_)
                if self.config.add_interest == InterestPermission::Visible
                    && session.view.was_known(parent) =>
            {
                Ok(())
            }
            checked => checked,
        }
    }

    fn is_in_sight(&self, session: &Session, do_id: DoId, key: Key) -> bool {
        self.uberdog(do_id).is_some() || session.view.is_visible(key)
    }
}
