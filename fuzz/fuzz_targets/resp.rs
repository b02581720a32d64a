//! RESP commands: what is accepted is byte for byte what the encoder writes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rdb_reindex::bundle::resp::{CommandReader, encode};

fuzz_target!(|data: &[u8]| {
    let mut reader = CommandReader::new(data);
    let mut at = 0;
    while let Ok(Some(command)) = reader.next_command() {
        assert_eq!(command.offset, at);
        let mut again = Vec::new();
        encode(command.args, &mut again);
        assert_eq!(again, command.bytes);
        at += command.bytes.len();
    }
});
