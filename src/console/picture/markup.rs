//! Writes markup: whatever is said in it is escaped, and every element that is opened is closed.

/// Markup that is being written.
#[derive(Default)]
pub(super) struct Markup(String);

impl Markup {
    /// An element without content.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.begin(name, attributes);
        self.0.push_str("/>");
    }

    /// An element with what `inside` writes.
    pub(super) fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        inside: impl FnOnce(&mut Self),
    ) {
        self.begin(name, attributes);
        self.0.push('>');
        inside(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// An element with text.
    pub(super) fn said(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.element(name, attributes, |markup| escape(text, &mut markup.0));
    }

    /// Text between elements.
    pub(super) fn text(&mut self, text: &str) {
        escape(text, &mut self.0);
    }

    /// All that was written.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (key, value) in attributes {
            self.0.push(' ');
            self.0.push_str(key);
            self.0.push_str("=\"");
            escape(value, &mut self.0);
            self.0.push('"');
        }
    }
}

/// What XML gives a meaning stands for itself; what XML cannot hold is replaced.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push(char::REPLACEMENT_CHARACTER);
            }
            c => out.push(c),
        }
    }
}

/// The beginning of a text, as much as has room for so many letters; wide characters count twice.
pub(super) fn cut(text: &str, room: usize) -> String {
    let width = |c: char| if c >= '\u{1100}' { 2 } else { 1 };
    if text.chars().map(width).sum::<usize>() <= room {
        return text.to_owned();
    }
    let mut left = room.saturating_sub(1);
    let fits = |c: &char| {
        let has_room = left >= width(*c);
        left = left.saturating_sub(width(*c));
        has_room
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_never_markup() {
        let mut markup = Markup::default();
        markup.element("a", &[("href", "\"><script>")], |a| a.text("<b>&\0\u{1b}]\n'"));
        let expected = "<a href=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt;&amp;\u{fffd}\u{fffd}] '</a>";
        assert_eq!(markup.finish(), expected);
    }

    #[test]
    fn what_is_too_long_is_cut_where_its_letters_end() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(cut(text, 6), expected);
        }
        check("", "");
        check("sechse", "sechse");
        check("siebene", "siebe…");
        check("åäöåäö", "åäöåäö");
        check("漢字漢", "漢字漢");
        check("漢字漢字", "漢字…");
    }
}
