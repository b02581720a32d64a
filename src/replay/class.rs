//! What an error of the server means for the replay.

/// What to do about an error reply. In every case the command that it answers was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The server is busy with itself: wait, then send the command again.
    Wait,
    /// There is no room: no more additions, but deletions go on, because they make room.
    Full,
    /// It is about this key alone: count it and go on.
    Key,
    /// Nothing that waiting would mend: stop, in a way that can be resumed.
    Stop,
}

impl Class {
    /// By the code that opens the text; services with texts of their own (Upstash) open all of them with `ERR`.
    pub fn of(text: &str) -> Self {
        match text.split(' ').next().unwrap_or_default() {
            "LOADING" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "NOREPLICAS" | "MISCONF" => Self::Wait,
            "OOM" => Self::Full,
            "WRONGTYPE" | "BUSYKEY" => Self::Key,
            // Servers before 7.0 put the error of a command behind that of the script that called it.
            "ERR" if text.contains("Error running script") && text.contains("WRONGTYPE") => Self::Key,
            "ERR" if text.contains("Error running script") && text.contains("OOM command") => Self::Full,
            "ERR" if text.contains("capacity quota") => Self::Full,
            "ERR" if text.contains("max single record size") || text.contains("max key size") => Self::Key,
            _ => Self::Stop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn each_class_by_its_code_or_wording() {
        for (text, class) in [
            ("LOADING Redis is loading the dataset in memory", Class::Wait),
            ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", Class::Wait),
            ("MISCONF Redis is configured to save RDB snapshots", Class::Wait),
            ("NOREPLICAS Not enough good replicas to write.", Class::Wait),
            ("OOM command not allowed when used memory > 'maxmemory'.", Class::Full),
            ("ERR DB capacity quota exceeded", Class::Full),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", Class::Key),
            ("BUSYKEY Target key name already exists.", Class::Key),
            ("ERR Error running script (call to f_a): @user_script:1: WRONGTYPE Operation against a key", Class::Key),
            ("ERR max key size exceeded", Class::Key),
            ("ERR max single record size exceeded", Class::Key),
            ("ERR max daily request limit exceeded", Class::Stop),
            ("ERR max request size exceeded. Limit: 1 bytes, Actual: 2 bytes", Class::Stop),
            ("READONLY You can't write against a read only replica.", Class::Stop),
            ("MOVED 866 127.0.0.1:7001", Class::Stop),
            ("NOPERM this user has no permissions", Class::Stop),
            ("NOAUTH Authentication required.", Class::Stop),
            ("", Class::Stop),
        ] {
            assert_eq!(Class::of(text), class, "{text}");
        }
    }
}
