//! A gateway without any live copy.

use super::{Coverage, Gone, Lookups, Marker, Replica};
use crate::domain::membership::graph::Graph;
use crate::domain::observation::UnknownReason;
use crate::proto::search::{Entry, Search};

/// The live copy of a gateway that has none.
#[derive(Debug, Clone)]
pub enum NoReplica {}

impl Marker for NoReplica {
    fn covers(&self, _: &Self) -> bool {
        match *self {}
    }

    fn advance(&mut self, _: &Self) {
        match *self {}
    }

    fn text(&self) -> String {
        match *self {}
    }

    fn read(_: &str) -> Option<Self> {
        None
    }
}

impl Replica for NoReplica {
    type Marker = Self;

    fn is_held(&self) -> bool {
        match *self {}
    }

    fn coverage(&self) -> Option<Coverage> {
        match *self {}
    }

    async fn vouched(&self) -> Result<(), Gone> {
        match *self {}
    }

    async fn testified(&self) {
        match *self {}
    }

    fn can_be_asked_for(&self) -> bool {
        match *self {}
    }

    fn question(&self) -> Option<Search> {
        match *self {}
    }

    async fn find_question<L: Lookups>(&self, _: &L) -> Result<Option<Search>, UnknownReason> {
        match *self {}
    }

    fn seen(&self) -> Option<Self> {
        match *self {}
    }

    fn went_back(&self) -> bool {
        match *self {}
    }

    fn forget_seen(&self) {
        match *self {}
    }

    fn marker(&self, _: &[Entry]) -> Option<Self> {
        match *self {}
    }

    fn has(&self, _: &Self) -> bool {
        match *self {}
    }

    async fn arrived(&self, _: &Self) -> Result<(), Gone> {
        match *self {}
    }

    async fn poll(&self) -> Result<(), Gone> {
        match *self {}
    }

    fn read<T>(&self, _: impl FnOnce(&Graph) -> T) -> T {
        match *self {}
    }
}
