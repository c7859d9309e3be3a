//! Parts of a status that take no more memory than those of a recorder, whatever stands in the
//! text.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use migrate_ebpf::wire::{LOSSES, Loss};
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Losses that older recordings do not tell: they followed nothing that could be lost so.
const NEW: [Loss; 5] = [
    Loss::WaitLost,
    Loss::WaitMissed,
    Loss::NameLost,
    Loss::PhaseLost,
    Loss::PhaseUnopened,
];

/// What was lost, by `migrate_ebpf::wire::Loss`: an object with a number for each name. Other names
/// mean nothing.
pub(super) struct Losses(pub(super) [u64; LOSSES]);

impl Serialize for Losses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = Loss::ALL.iter().map(|loss| loss.name());
        let losses: BTreeMap<_, _> = names.zip(self.0).collect();
        serializer.collect_map(losses)
    }
}

impl<'de> Deserialize<'de> for Losses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EachLoss)
    }
}

struct EachLoss;

impl<'de> Visitor<'de> for EachLoss {
    type Value = Losses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("losses by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Losses, A::Error> {
        let mut found = [None; LOSSES];
        while let Some(name) = map.next_key::<String>()? {
            match Loss::from_name(&name) {
                Some(loss) => found[loss as usize] = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let mut losses = [0; LOSSES];
        for loss in Loss::ALL {
            let name = loss.name();
            losses[*loss as usize] = found[*loss as usize]
                .or(NEW.contains(loss).then_some(0))
                .ok_or_else(|| A::Error::custom(format_args!("it has no {name}")))?;
        }
        Ok(Losses(losses))
    }
}

/// A list of `MOST` at the most.
pub(super) fn few<'de, T, D, const MOST: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_seq(Few::<T, MOST>(PhantomData))
}

struct Few<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Few<T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {MOST} at the most")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            if all.len() == MOST {
                return Err(A::Error::invalid_length(MOST + 1, &self));
            }
            all.push(one);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct List(#[serde(deserialize_with = "few::<_, _, 3>")] Vec<u64>);

    #[test]
    fn a_list_may_be_full_and_not_longer() {
        let list: List = serde_json::from_str("[1, 2, 3]").unwrap();
        assert_eq!(list.0, [1, 2, 3]);
        let error = serde_json::from_str::<List>("[1, 2, 3, 4]").err().unwrap();
        assert!(
            error.to_string().contains("a list of 3 at the most"),
            "{error}"
        );
    }

    #[test]
    fn every_loss_has_to_be_told_and_others_mean_nothing() {
        let losses = Losses(std::array::from_fn(|place| place as u64 + 1));
        let text = serde_json::to_string(&losses).unwrap();
        let more = text.replacen('{', r#"{"other":[{}],"#, 1);
        for text in [&text, &more] {
            let read: Losses = serde_json::from_str(text).unwrap();
            assert_eq!(read.0, losses.0);
        }
        for (place, loss) in Loss::ALL.iter().enumerate() {
            let name = loss.name();
            let less = text.replace(name, "other");
            if NEW.contains(loss) {
                let read: Losses = serde_json::from_str(&less).unwrap();
                let mut expected = losses.0;
                expected[place] = 0;
                assert_eq!(read.0, expected);
                continue;
            }
            let error = serde_json::from_str::<Losses>(&less).err().unwrap();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
