//! What objects and uberdogs are told in the names of clients: nothing but what a client said and
//! may say, each once at most.

use crate::clients::plan::{FIRST_CLIENT, LOGIN, Plan};
use crate::ledger::Violation;
use crate::objects::datagram::Dg;
use std::collections::{BTreeMap, BTreeSet};
use wire::ids::{DoId, FieldId};
use wire::state_server::{Location, ObjectMessage};

/// Something that a client said and may say.
#[derive(Clone, Debug, Default)]
struct Said {
    times: u32,
    heard: u32,
}

/// What clients said, and under which names they go.
#[derive(Default)]
pub struct Watch {
    /// The client of each channel.
    pub names: BTreeMap<u64, usize>,
    /// Objects whose deletion a session brings about.
    pub session_objects: BTreeSet<u32>,
    updates: BTreeMap<(usize, u32, u16, Vec<u8>), Said>,
    moves: BTreeMap<(usize, u32, Location), Said>,
}

impl Watch {
    /// A client says an update that it may.
    pub fn said(&mut self, client: usize, do_id: u32, field: FieldId, value: &[u8]) {
        let key = (client, do_id, field.0, value.to_vec());
        self.updates.entry(key).or_default().times += 1;
    }

    /// A client moves what it may.
    pub fn moved(&mut self, client: usize, do_id: u32, location: Location) {
        self.moves.entry((client, do_id, location)).or_default().times += 1;
    }

    /// How many of the updates of a client to an object have not arrived.
    pub fn missing(&self, client: usize, do_id: u32) -> u32 {
        let of_it = |((who, id, ..), _): &(&(usize, u32, u16, Vec<u8>), &Said)| {
            *who == client && *id == do_id
        };
        let missing = self.updates.iter().filter(of_it);
        missing.map(|(_, said)| said.times - said.heard.min(said.times)).sum()
    }

    /// Whether a channel is one of a client's.
    pub fn is_client(&self, plan: &Plan, channel: u64) -> bool {
        let range = FIRST_CLIENT..FIRST_CLIENT + plan.channels;
        range.contains(&channel) || self.names.contains_key(&channel)
    }

    /// A datagram to an object was heard.
    pub fn hear(&mut self, plan: &Plan, dg: &Dg) -> Result<(), Violation> {
        if !self.is_client(plan, dg.sender) {
            return Ok(());
        }
        let what = || format!("{} was said in a client's name", dg.describe(plan.dialect));
        let wrong = || Err(Violation::new("a client says only what it may", what()));
        let message = ObjectMessage::decode(plan.dialect, dg.msgtype, &dg.payload);
        let Ok(message) = message else { return wrong() };
        // The agent itself asks for what is in zones, and where one is that did not answer, and deletes
        // what ends with a session; objects
        // that were moved or deleted say so to their parents in the name of whoever wanted it.
        let asks =
            matches!(message, ObjectMessage::QueryZones { .. } | ObjectMessage::Locate { .. });
        let tells = matches!(message, ObjectMessage::ChangeZone { .. });
        let is_last = |id: &u32| self.session_objects.contains(id);
        let deletes = matches!(&message, ObjectMessage::DeleteRam { do_id } if is_last(&do_id.0));
        if asks || tells || deletes {
            return Ok(());
        }
        let name = self.names.get(&dg.sender).copied();
        let said = if let ObjectMessage::UpdateField { do_id, field, value } = message {
            // Who asks to be let in may have the channel of somebody who has gone.
            self.find_update(name.filter(|_| do_id.0 != LOGIN), do_id, field, value)
        } else if let (ObjectMessage::SetZone { location }, [to], Some(name)) =
            (message, &dg.to[..], name)
        {
            self.moves.get_mut(&(name, *to as u32, location))
        } else {
            None
        };
        let Some(said) = said else { return wrong() };
        said.heard += 1;
        match said.heard > said.times {
            true => Err(Violation::new("what a client says arrives once", what())),
            false => Ok(()),
        }
    }

    /// What a client said; before its name is known, what anybody said.
    fn find_update(
        &mut self,
        name: Option<usize>,
        do_id: DoId,
        field: FieldId,
        value: &[u8],
    ) -> Option<&mut Said> {
        let is_it = |key: &(usize, u32, u16, Vec<u8>), said: &Said| {
            key.1 == do_id.0
                && key.2 == field.0
                && key.3 == value
                && name.map_or(said.heard < said.times, |name| name == key.0)
        };
        self.updates.iter_mut().find(|(key, said)| is_it(key, said)).map(|(_, said)| said)
    }
}
