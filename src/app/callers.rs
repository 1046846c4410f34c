//! By which client applications somebody signs on, as far as they say otherwise than the user type
//! whether records follow the directory (semantics S5.8).

use super::ports::Records;
use crate::domain::policy::Switch;
use crate::domain::view::View;
use std::sync::Arc;

/// Where run-time values of views stand among those of user types: no directory has this name.
pub const VIEWS: &str = "";

/// The client applications of the sign-ons that one flight serves. What any of them lets follow
/// does: as if they had come one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callers {
    /// Whether there is one that says nothing, so that the user type decides.
    plain: bool,
    /// Those that do, and what they say.
    by: Vec<(Arc<View>, Switch)>,
}

impl Callers {
    /// A look that no client application stands behind, or one that says nothing.
    pub const PLAIN: Self = Self { plain: true, by: Vec::new() };

    /// One client application.
    pub fn of(view: Option<&Arc<View>>, records: &impl Records) -> Self {
        match view.and_then(|view| Some((view.clone(), switch_of(view, records)?))) {
            Some(said) => Self { plain: false, by: vec![said] },
            None => Self::PLAIN,
        }
    }

    /// Those of two sign-ons.
    pub fn and(mut self, other: Self) -> Self {
        self.plain |= other.plain;
        for (view, switch) in other.by {
            if !self.by.iter().any(|(known, _)| known.name == view.name) {
                self.by.push((view, switch));
            }
        }
        self
    }

    /// The switch where the user type says this and the record nothing.
    pub fn decide(&self, of_type: Switch) -> Switch {
        let any_on = self.by.iter().any(|(_, switch)| switch.is_on());
        Switch::from_bool(any_on || (self.plain && of_type.is_on()))
    }

    /// The view that says so, if it is one.
    pub fn who_says(&self, switch: Switch) -> Option<&str> {
        let said = self.by.iter().find(|(_, said)| *said == switch);
        said.map(|(view, _)| &*view.name)
    }
}

/// What a view says: its run-time value, or else the file's.
pub fn switch_of(view: &View, records: &impl Records) -> Option<Switch> {
    let stored = records.switch(VIEWS, &view.name);
    stored.map(|stored| stored.value).or(view.update_on_sign_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(plain: bool, by: &[(&str, Switch)]) -> Callers {
        let view = |name: &str| Arc::new(View { name: name.to_owned(), ..View::default() });
        Callers { plain, by: by.iter().map(|(name, switch)| (view(name), *switch)).collect() }
    }

    #[test]
    fn s5_8_a_client_application_says_otherwise_than_the_user_type_and_what_any_lets_follow_does() {
        let (on, off) = (Switch::On, Switch::Off);
        for (first, second, of_type, expected, says) in [
            (Callers::PLAIN, Callers::PLAIN, on, on, None),
            (Callers::PLAIN, Callers::PLAIN, off, off, None),
            (callers(false, &[("a", off)]), callers(false, &[("a", off)]), on, off, Some("a")),
            (callers(false, &[("a", on)]), callers(false, &[("b", off)]), off, on, Some("a")),
            (callers(false, &[("b", off)]), callers(false, &[("a", on)]), off, on, Some("a")),
            (callers(false, &[("a", off)]), Callers::PLAIN, on, on, None),
            (Callers::PLAIN, callers(false, &[("a", off)]), off, off, Some("a")),
        ] {
            let both = first.and(second);
            assert_eq!(both.decide(of_type), expected, "{both:?}");
            assert_eq!(both.who_says(expected), says, "{both:?}");
        }
    }
}
