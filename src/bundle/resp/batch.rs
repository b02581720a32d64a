//! How many commands go out before replies are read.

/// Limits on what is sent before replies are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// At most so many commands.
    pub commands: usize,
    /// At most so many bytes, unless a single command is longer.
    pub bytes: usize,
}

/// A thousand commands, and just under the smallest request limit that a service is known to have (1 MB).
impl Default for BatchLimits {
    fn default() -> Self {
        Self { commands: 1_000, bytes: 1_000_000 }
    }
}

/// Divides a stream of commands into batches, by their lengths alone.
///
/// One rule for the plan that counts round trips and for the replay that makes them. A command beyond the limit of
/// bytes is a batch of its own.
#[derive(Clone, Debug)]
pub struct BatchMeter {
    limits: BatchLimits,
    commands: usize,
    bytes: usize,
    batches: u64,
}

impl BatchMeter {
    /// A meter before its first command.
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, commands: 0, bytes: 0, batches: 0 }
    }

    /// Takes the next command's length. Whether it is the first of a new batch.
    pub fn add(&mut self, len: usize) -> bool {
        let bytes = self.bytes.saturating_add(len);
        let opens = self.commands == 0 || self.commands >= self.limits.commands || bytes > self.limits.bytes;
        if opens {
            self.batches = self.batches.saturating_add(1);
            (self.commands, self.bytes) = (1, len);
        } else {
            (self.commands, self.bytes) = (self.commands.saturating_add(1), bytes);
        }
        opens
    }

    /// Batches so far: the round trips, once every command was added.
    pub fn batches(&self) -> u64 {
        self.batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_opens_a_batch() {
        let mut meter = BatchMeter::new(BatchLimits { commands: 3, bytes: 100 });
        // 40+40 fit, a third 40 does not; three of 1 fit, the fourth does not; 500 is alone; 100 is exactly full.
        let lengths = [40, 40, 40, 1, 1, 1, 500, 1, 99, 1];
        let opened = lengths.map(|len| meter.add(len));
        assert_eq!(opened, [true, false, true, false, false, true, true, true, false, true]);
        assert_eq!(meter.batches(), 6);
    }

    #[test]
    fn a_limit_of_nothing_is_a_batch_a_command() {
        let mut meter = BatchMeter::new(BatchLimits { commands: 0, bytes: 0 });
        assert_eq!([1, 1, 1].map(|len| meter.add(len)), [true; 3]);
    }
}
