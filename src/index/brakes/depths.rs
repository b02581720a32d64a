//! How deep names are nested: the colons in what stands for their fields.

use crate::model::spec::{Form, Reading};

/// Fields of a name whose depth is kept apart; those beyond are added up in the last.
const FIELDS: usize = 8;

/// How many `:` there are in what stands for each field of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Depths([u8; FIELDS]);

impl Depths {
    /// As numbers, in the order of the fields.
    pub fn numbers(self) -> [u8; FIELDS] {
        self.0
    }

    /// Those of a name of this form.
    pub fn of(form: &Form, name: &[u8], room: &mut Reading) -> Self {
        let mut depths = Self::default();
        if form.slots() == 0 || !form.read(name, room) {
            return depths;
        }
        for (at, field) in room.spots.iter().enumerate() {
            let colons = memchr::memchr_iter(b':', name.get(field.clone()).unwrap_or_default()).count();
            let depth = &mut depths.0[at.min(FIELDS - 1)];
            *depth = depth.saturating_add(u8::try_from(colons).unwrap_or(u8::MAX));
        }
        depths
    }

    /// The larger of both, field by field.
    pub fn max(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].max(other.0[at])))
    }

    /// Whether any field has more than the limit allows.
    pub fn exceed(self, limit: Self) -> bool {
        self.0.iter().zip(limit.0).any(|(depth, limit)| *depth > limit)
    }

    /// The most that a name of a retired family may have: one is nested if it has more than at least half of them have.
    pub fn usual(all: &[Self]) -> Self {
        let limit = |at: usize| {
            let mut depths: Vec<u8> = all.iter().map(|depths| depths.0[at]).collect();
            depths.sort_unstable();
            // The first that at least half are less than is nested; the limit is what is left below it.
            let nested =
                depths.iter().copied().find(|depth| depths.partition_point(|other| other < depth) * 2 >= depths.len());
            match nested {
                Some(nested) => depths.iter().copied().filter(|depth| *depth < nested).max().unwrap_or(0),
                None => u8::MAX,
            }
        };
        Self(std::array::from_fn(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::Spec;

    #[test]
    fn half_of_a_retired_family_is_the_measure() {
        let depths = |all: &[u8]| all.iter().map(|depth| Depths([*depth, 0, 0, 0, 0, 0, 0, 0])).collect::<Vec<_>>();
        // The contract: nested if it has more `:` than at least half of the keys have.
        for (all, nested) in [
            (&[0, 0, 1][..], &[1][..]),
            (&[0, 1], &[1]),
            (&[0, 1, 1], &[]),
            (&[0, 1, 1, 2], &[2]),
            (&[1, 1, 1, 1], &[]),
            (&[0, 0, 1, 1, 2], &[2]),
            (&[0, 0, 1, 1], &[1, 1]),
            (&[], &[]),
        ] {
            let all = depths(all);
            let limit = Depths::usual(&all);
            let found: Vec<Depths> = all.iter().copied().filter(|depth| depth.exceed(limit)).collect();
            assert_eq!(found, depths(nested), "{all:?}");
        }
    }

    #[test]
    fn depths_are_those_of_the_fields() {
        let text = "version = 1\n[[record]]\nname = \"r\"\nkey = \"r:*\"\n[[index]]\nname = \"i\"\npolicy = \"maintain\"\n\
                    from = \"r\"\nkey = \"a:{x}|{y}\"\nmember = \"{@key}\"\n";
        let spec = Spec::parse(text, "test").unwrap_or_else(|errors| panic!("{errors}"));
        let mut room = Reading::default();
        let mut depths = |name: &str| Depths::of(&spec.indexes[0].family, name.as_bytes(), &mut room).0[..2].to_vec();
        assert_eq!(depths("a:b|c"), [0, 0]);
        assert_eq!(depths("a:b:c|d:e:f"), [1, 2]);
        assert_eq!(depths("a:|:"), [0, 1]);
        assert_eq!(depths("a:nothing"), [0, 0]);
    }
}
