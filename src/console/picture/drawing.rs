//! Draws boxes and lines that are laid out.

use super::Name;
use super::layers::{Course, HEIGHT, Layout, Line, Point, WIDTH};
use super::markup::{Markup, cut};

/// So many letters have room in the first line of a box, and in the second.
const ROOM: (usize, usize) = (21, 27);
/// How long and how wide half an arrow's head is.
const HEAD: (i32, i32) = (8, 4);

/// A box.
pub(super) struct Shown<'a> {
    pub(super) name: &'a Name,
    /// What stands below its name.
    pub(super) below: &'a str,
    /// How it looks.
    pub(super) classes: &'a str,
}

/// A line between boxes.
pub(super) struct Joined<'a> {
    /// What is read when it is pointed at.
    pub(super) title: &'a str,
    /// How it looks.
    pub(super) class: &'a str,
    pub(super) head: Head,
}

/// What a line ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    Arrow,
    Cross,
}

/// What a drawing is to those who are read to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// One image.
    Image,
    /// Several things: an image could have no links in it.
    Group,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Image => "img",
            Self::Group => "group",
        }
    }
}

/// A drawing in a box of its own, which scrolls where there is too little room, with a caption.
pub(super) fn figure(
    (classes, role): (&str, Role),
    (title, description): (&str, &str),
    size: (i32, i32),
    draw: impl FnOnce(&mut Markup),
    caption: impl FnOnce(&mut Markup),
) -> String {
    let (width, height) = (size.0.to_string(), size.1.to_string());
    let view = format!("0 0 {width} {height}");
    let attributes = [
        ("role", role.name()),
        ("aria-label", title),
        ("width", &*width),
        ("height", &*height),
        ("viewBox", &*view),
        ("xmlns", "http://www.w3.org/2000/svg"),
    ];
    let scroll = [("class", "scroll"), ("tabindex", "0"), ("role", "group"), ("aria-label", title)];
    let mut markup = Markup::default();
    markup.element("figure", &[("class", classes)], |figure| {
        // What one image is about stands above it; what there is more to say, below.
        let caption = match role {
            Role::Group => Some(caption),
            Role::Image => {
                figure.element("figcaption", &[], |above| {
                    above.said("strong", &[], title);
                    caption(above);
                });
                None
            }
        };
        figure.element("div", &scroll, |scroll| {
            scroll.element("svg", &attributes, |svg| {
                svg.said("desc", &[], description);
                draw(svg);
            });
        });
        if let Some(caption) = caption {
            figure.element("figcaption", &[], caption);
        }
    });
    markup.finish()
}

/// A box, which is a link if it leads somewhere.
pub(super) fn draw_box(svg: &mut Markup, at: Point, shown: &Shown<'_>) {
    let classes = format!("box {}", shown.classes);
    let inside = |svg: &mut Markup| {
        let title = match (shown.name.title.is_empty(), shown.below.is_empty()) {
            (true, _) => shown.name.text.clone(),
            (false, true) => format!("{}\u{a0}– {}", shown.name.text, shown.name.title),
            (false, false) => {
                format!("{}\u{a0}– {} ({})", shown.name.text, shown.name.title, shown.below)
            }
        };
        svg.said("title", &[], &title);
        let number = |number: i32| number.to_string();
        svg.empty(
            "rect",
            &[
                ("x", &*number(at.x)),
                ("y", &*number(at.y)),
                ("width", &*number(WIDTH)),
                ("height", &*number(HEIGHT)),
                ("rx", "6"),
            ],
        );
        let mut line = |class: &str, down: i32, text: String| {
            let (x, y) = (number(at.x + 10), number(at.y + down));
            svg.said("text", &[("class", class), ("x", &*x), ("y", &*y)], &text);
        };
        if shown.below.is_empty() {
            line("name", HEIGHT / 2 + 4, cut(&shown.name.text, ROOM.0));
        } else {
            line("name", 17, cut(&shown.name.text, ROOM.0));
            line("below", 32, cut(shown.below, ROOM.1));
        }
    };
    match &shown.name.link {
        Some(link) => svg.element("a", &[("href", link), ("class", &classes)], inside),
        None => svg.element("g", &[("class", &classes)], inside),
    }
}

/// An edge, if there is room for it.
pub(super) fn draw_edge(
    svg: &mut Markup,
    layout: &Layout,
    (edge, of): (usize, usize),
    joined: &Joined<'_>,
) {
    let course = &layout.courses[edge];
    let (line, tip, turned) = match course {
        Course::LeftOut => return,
        Course::Forward(line) => (drawn(line), line.end, 1),
        Course::Back(line) => (drawn(line), line.start, -1),
        Course::Loop => {
            let Point { x, y } = layout.boxes[of];
            let line = format!("M{} {y}c0 -14 22 -14 22 -2", x + WIDTH - 34);
            let tip = Point { x: x + WIDTH - 12, y };
            let head = format!("M{} {}l-4 -8h8z", tip.x, tip.y);
            return group(svg, joined, "cycle", &line, &head);
        }
    };
    let (long, wide) = (HEAD.0 * turned, HEAD.1);
    let Point { x, y } = tip;
    let head = match joined.head {
        Head::Arrow => format!("M{x} {y}l{} -{wide}v{}z", -long, 2 * wide),
        Head::Cross => {
            format!(
                "M{} {}l{long} {}m0 -{}l{} {}",
                x - long,
                y - wide,
                2 * wide,
                2 * wide,
                -long,
                2 * wide
            )
        }
    };
    let more = if matches!(course, Course::Back(_)) { "cycle" } else { "" };
    group(svg, joined, more, &line, &head);
}

fn group(svg: &mut Markup, joined: &Joined<'_>, more: &str, line: &str, head: &str) {
    let classes = format!("edge {} {more}", joined.class);
    svg.element("g", &[("class", classes.trim_end())], |svg| {
        svg.said("title", &[], joined.title);
        svg.empty("path", &[("d", line)]);
        let class = if joined.head == Head::Cross { "head cross" } else { "head" };
        svg.empty("path", &[("class", class), ("d", head)]);
    });
}

/// From box to box: curves between the columns, straight through each.
fn drawn(line: &Line) -> String {
    let mut at = line.start;
    let mut drawn = format!("M{} {}", at.x, at.y);
    let mut curve = |at: &mut Point, to: Point| {
        if at.y == to.y {
            drawn.push_str(&format!("H{}", to.x));
        } else {
            let (x, y) = (to.x - at.x, to.y - at.y);
            drawn.push_str(&format!("c{} 0 {} {y} {x} {y}", x / 2, x - x / 2));
        }
        *at = to;
    };
    for bend in &line.bends {
        curve(&mut at, *bend);
        curve(&mut at, Point { x: bend.x + WIDTH, y: bend.y });
    }
    curve(&mut at, line.end);
    drawn
}

/// What a kind of line means, with a sample of it.
pub(super) fn legend(list: &mut Markup, class: &str, head: Head, text: &str) {
    let svg = [("width", "36"), ("height", "12"), ("aria-hidden", "true")];
    let class = format!("edge {class}");
    list.element("li", &[], |item| {
        item.element("svg", &svg, |svg| {
            svg.element("g", &[("class", &class)], |svg| {
                svg.empty("path", &[("d", "M0 6H34")]);
                match head {
                    Head::Arrow => svg.empty("path", &[("class", "head"), ("d", "M34 6l-8 -4v8z")]),
                    Head::Cross => {
                        svg.empty("path", &[("class", "head cross"), ("d", "M26 2l8 8m0 -8l-8 8")]);
                    }
                }
            });
        });
        item.text(text);
    });
}
