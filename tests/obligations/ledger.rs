//! What attacks found. Every attack is made once, by whoever asks for it first: the test of an
//! obligation, or the page that says what is covered.

use crate::attack::{Attack, Claim};
use crate::sound::{Record, attack_all};
use gradbound::witness::fragments::Fragment;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

/// A graph, the claim, and whether of its gradients.
type Key = (usize, Claim, bool);

static RECORDS: Mutex<BTreeMap<Key, Arc<OnceLock<Record>>>> = Mutex::new(BTreeMap::new());

/// Makes the attack where nobody has asked for it yet.
pub fn make_unless_asked(name: &str, fragment: Fragment, claim: Claim, backward: bool) {
    let key = (fragment as usize, claim, backward);
    let asked = {
        let records = RECORDS.lock().expect("nothing panics while it is held");
        records.contains_key(&key)
    };
    if !asked {
        attacked(name, fragment, claim, backward);
    }
}

/// The record of an attack on a graph under gradual underflow; panics with a violation.
pub fn attacked(name: &str, fragment: Fragment, claim: Claim, backward: bool) -> Record {
    let key = (fragment as usize, claim, backward);
    let record = {
        let mut records = RECORDS.lock().expect("nothing panics while it is held");
        Arc::clone(records.entry(key).or_default())
    };
    let change = |attack| Attack {
        claim,
        backward,
        ..attack
    };
    record
        .get_or_init(|| attack_all(name, fragment, change))
        .clone()
}
