//! Protocol Buffers on the wire, as far as ONNX needs them: a message is its fields one after the other, each a key and a value.
//!
//! A key is the field's number and how the value is written: 0 for a whole number in groups of seven bits, lowest first, 2 for a length
//! and as many bytes. Source: protobuf.dev, Encoding.

/// How a value is written.
const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;

/// A message being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// The message with a whole number; a negative one has ten bytes.
    #[must_use]
    pub(super) fn int(mut self, field: u64, value: i64) -> Self {
        self.key(field, VARINT);
        self.varint(value as u64);
        self
    }

    /// The message with bytes.
    #[must_use]
    pub(super) fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.key(field, LENGTH_DELIMITED);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// The message with a text.
    #[must_use]
    pub(super) fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    /// The message with another one inside.
    #[must_use]
    pub(super) fn message(self, field: u64, inner: &Self) -> Self {
        self.bytes(field, &inner.0)
    }

    /// The message with a field that repeats: one value each.
    #[must_use]
    pub(super) fn all<T>(self, values: impl IntoIterator<Item = T>, with: impl Fn(Self, T) -> Self) -> Self {
        values.into_iter().fold(self, with)
    }

    /// The bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u64, wire: u64) {
        self.varint(field << 3 | wire);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_is_as_the_specification_shows_it() {
        // The examples of the encoding guide: field 1 = 150, field 2 = "testing", field 3 a message with field 1 = 150.
        let number = Message::default().int(1, 150);
        assert_eq!(number.clone().into_bytes(), [0x08, 0x96, 0x01]);
        let text = Message::default().text(2, "testing");
        assert_eq!(text.into_bytes(), b"\x12\x07testing");
        assert_eq!(Message::default().message(3, &number).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let negative = Message::default().int(1, -2);
        assert_eq!(negative.into_bytes(), [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    }
}
