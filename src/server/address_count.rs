//! How many connections each address has, so that one machine cannot take them all.

use crate::domain::network::subscriber;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts open connections by network. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct AddressCount {
    most: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One counted connection; dropping it uncounts it.
#[derive(Debug)]
pub(super) struct CountedAddress {
    network: IpAddr,
    count: AddressCount,
}

impl AddressCount {
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Arc::default() }
    }

    /// `None` when the address already has as many as it may.
    pub(super) fn enter(&self, address: IpAddr) -> Option<CountedAddress> {
        let network = subscriber(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(network).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(CountedAddress { network, count: self.clone() })
    }
}

impl Drop for CountedAddress {
    fn drop(&mut self) {
        let mut open = self.count.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_own_count_and_gets_its_place_back() {
        let count = AddressCount::new(2);

        let first = count.enter(address("10.0.0.1")).unwrap();
        let _second = count.enter(address("::ffff:10.0.0.1")).unwrap();
        assert!(count.enter(address("10.0.0.1")).is_none());
        let _other = count.enter(address("10.0.0.2")).unwrap();
        drop(first);

        assert!(count.enter(address("10.0.0.1")).is_some());
    }

    #[test]
    fn one_ipv6_network_counts_as_one_address() {
        let count = AddressCount::new(1);
        let held = count.enter(address("2001:db8::1")).unwrap();

        assert!(count.enter(address("2001:db8::ffff")).is_none());
        assert!(count.enter(address("2001:db8:0:1::1")).is_some());
        drop(held);

        assert!(count.open.lock().unwrap().is_empty());
    }
}
