//! Messages that came, for who reads what went wrong: the name, and the rest in hex.

use wire::datagram::Datagram;
use wire::dialect::{DatabaseNotice, Dialect, Inbox, Object};

/// Longer ones are cut.
const SHOWN_MAX: usize = 400;

/// A datagram in words.
pub fn datagram(dialect: Dialect, dg: &Datagram<'_>) -> String {
    let to: Vec<String> = dg.recipients().map(|channel| channel.to_string()).collect();
    let number = dg.msgtype();
    let name = DatabaseNotice::from_number(dialect, number).map(|row| row.name());
    let name = name.or_else(|| Object::from_number(dialect, number).map(|row| row.name()));
    let name = name.map_or_else(|| format!("#{number}"), str::to_owned);
    let hex: String = dg.payload().iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("{name} from {} to [{}] <{hex}>", dg.sender(), to.join(", "));
    match text.char_indices().nth(SHOWN_MAX) {
        Some((at, _)) => format!("{} ..", &text[..at]),
        None => text,
    }
}
