//! What an observer that plays the upstream was told: a set of points and the post-removes.
//!
//! On a link that never broke the announcements are exact: a channel comes when its first
//! subscriber does and goes with its last one (seed protocol section 2).

use crate::ledger::Violation;
use crate::model::Universe;
use wire::control::ControlMessage;

/// What was announced on one link.
#[derive(Debug, Default)]
pub struct UpstreamView {
    /// The points that are subscribed.
    pub points: u64,
    /// The post-removes that are stored: who clears them, and what is to be sent.
    pub post_removes: Vec<(u64, Vec<u8>)>,
    /// What the daemon calls itself.
    pub name: Vec<u8>,
    /// Whether first in, last out must be exact.
    pub exact: bool,
}

impl UpstreamView {
    /// Takes a control message.
    pub fn hear(
        &mut self,
        message: ControlMessage<'_>,
        universe: &Universe,
    ) -> Result<(), Violation> {
        match message {
            ControlMessage::AddChannel(channel) => {
                let point = universe.points(&[channel.0]);
                if self.exact && self.points & point == point {
                    return Err(Violation::new(
                        "first in",
                        format!("{channel} was announced again"),
                    ));
                }
                self.points |= point;
            }
            ControlMessage::RemoveChannel(channel) => {
                let point = universe.points(&[channel.0]);
                if self.exact && self.points & point == 0 {
                    return Err(Violation::new("last out", format!("{channel} was not announced")));
                }
                self.points &= !point;
            }
            ControlMessage::AddRange(low, high) => self.points |= universe.range(low.0, high.0),
            ControlMessage::RemoveRange(low, high) => self.points &= !universe.range(low.0, high.0),
            ControlMessage::AddPostRemove { sender, message } => {
                self.post_removes.push((sender.0, message.to_vec()));
            }
            ControlMessage::ClearPostRemoves { sender } => {
                self.post_removes.retain(|(by, _)| *by != sender.0);
            }
            ControlMessage::SetConName(name) => self.name = name.to_vec(),
            ControlMessage::SetConUrl(_) => (),
            ControlMessage::LogMessage(_) => {
                return Err(Violation::new("events stay here", "one went upstream".into()));
            }
        }
        Ok(())
    }
}
