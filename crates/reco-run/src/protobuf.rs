//! Writes messages of Protocol Buffers.
//!
//! Does not know which messages (<https://protobuf.dev/programming-guides/encoding>), and reads none.
//!
//! **Invariant**: fields stand in the order in which they are added; equal messages give equal bytes.

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    /// A message without fields.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Its bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Adds a number that is not negative, or an enum.
    #[must_use]
    pub(crate) fn number(mut self, field: u32, number: u64) -> Self {
        self.key(field, 0);
        self.varint(number);
        self
    }

    /// Adds a number of 64 bits.
    #[must_use]
    pub(crate) fn double(mut self, field: u32, number: f64) -> Self {
        self.key(field, 1);
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    /// Adds a number of 32 bits.
    #[must_use]
    pub(crate) fn float(mut self, field: u32, number: f32) -> Self {
        self.key(field, 5);
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    /// Adds bytes.
    #[must_use]
    pub(crate) fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds a text.
    #[must_use]
    pub(crate) fn text(self, field: u32, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    /// Adds a message within.
    #[must_use]
    pub(crate) fn message(self, field: u32, message: Self) -> Self {
        self.bytes(field, &message.0)
    }

    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_encoding_guide() {
        assert_eq!(Message::new().number(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        let testing = [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67];
        assert_eq!(Message::new().text(2, "testing").into_bytes(), testing);
        let within = Message::new().message(3, Message::new().number(1, 150));
        assert_eq!(within.into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        // The encodings of 25.5 by IEEE 754, the lowest byte first.
        let fixed = Message::new().double(1, 25.5).float(2, 25.5);
        assert_eq!(fixed.into_bytes(), [0x09, 0, 0, 0, 0, 0, 0x80, 0x39, 0x40, 0x15, 0, 0, 0xcc, 0x41]);
    }
}
