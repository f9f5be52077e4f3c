use super::*;

fn every_row_is_sound<I: Inbox + PartialEq + core::fmt::Debug>() {
    for &message in I::ALL {
        let shapes = Dialect::ALL.map(|dialect| message.shape(dialect));
        assert!(
            shapes.iter().any(Option::is_some),
            "{}::{} has no number",
            I::NAME,
            message.name()
        );
        for (dialect, shape) in Dialect::ALL.into_iter().zip(shapes) {
            let Some(Shape { number, layout }) = shape else { continue };
            assert_eq!(I::from_number(dialect, number), Some(message));
            let open =
                |kind: &Kind| matches!(kind, Kind::Packed | Kind::ZonesToEnd | Kind::FieldsToEnd);
            let ends = layout.iter().rposition(|(_, kind)| open(kind));
            assert!(
                ends.is_none_or(|at| at + 1 == layout.len()),
                "{message:?} goes on after the end"
            );
        }
        for number in 0..=u16::MAX {
            let found = I::from_number(Dialect::Astron, MsgType(number));
            assert!(
                found.is_none_or(|found| found.number(Dialect::Astron) == Some(MsgType(number)))
            );
        }
    }
}

#[test]
fn numbers_and_names_belong_together() {
    every_row_is_sound::<Control>();
    every_row_is_sound::<StateServer>();
    every_row_is_sound::<Object>();
    every_row_is_sound::<ObjectNotice>();
    every_row_is_sound::<Database>();
    every_row_is_sound::<DatabaseNotice>();
    every_row_is_sound::<Dbss>();
    every_row_is_sound::<DbssNotice>();
    every_row_is_sound::<ClientChannel>();
    every_row_is_sound::<ClientNotice>();
    every_row_is_sound::<FromClient>();
    every_row_is_sound::<ToClient>();
}

/// A number of the seed means what its inbox says.
#[test]
fn a_number_means_several_things() {
    let number = MsgType(2001);
    let dialect = Dialect::OpenOtp;
    assert_eq!(Control::from_number(dialect, number), Some(Control::AddChannel));
    assert_eq!(StateServer::from_number(dialect, number), Some(StateServer::GenerateWithRequired));
    assert_eq!(
        StateServer::from_number(Dialect::Astron, number),
        Some(StateServer::GenerateWithRequiredOther)
    );
    assert_eq!(Object::from_number(dialect, number), None);
}

#[test]
fn channels_of_the_dialects() {
    let parent = DoId(7);
    assert_eq!(Dialect::OpenOtp.children_channel(parent), Channel(4030 << 32 | 7));
    assert_eq!(Dialect::Astron.children_channel(parent), Channel(1 << 32 | 7));
    assert_eq!(Dialect::Astron.database_channel(parent), Channel(2 << 32 | 7));
}
