//! What stands right above and right below a group.

use super::Name;
use super::drawing::{self, Head, Joined, Role, Shown};
use super::layers::lay_out;
use super::markup::{Markup, cut};

/// The most groups that are drawn on each side.
pub const MAX_BESIDE: usize = 25;

/// What is drawn.
#[derive(Debug, Clone)]
pub struct Neighbours {
    /// The group.
    pub group: Name,
    /// The groups that it is in.
    pub parents: Vec<Name>,
    /// The groups that are in it.
    pub children: Vec<Name>,
}

/// The picture, as `<figure class="picture">`: children, group, parents, from the left to the right.
pub fn neighbours(neighbours: &Neighbours) -> String {
    let Neighbours { group, parents, children } = neighbours;
    let shown = |all: &[Name]| all[..all.len().min(MAX_BESIDE)].to_vec();
    let (above, below) = (shown(parents), shown(children));
    let centre = below.len();
    let names: Vec<_> = below.iter().chain([group]).chain(&above).collect();
    let into = (0..centre).map(|child| (child, centre));
    let out = (centre + 1..names.len()).map(|parent| (centre, parent));
    let edges: Vec<_> = into.chain(out).collect();
    let layout = lay_out(names.len(), &edges);
    let title = format!("The groups around {}", group.text);
    let description = format!(
        "{} groups are in {}, and it is in {}. The lists of groups say the same in words.",
        children.len(),
        group.text,
        parents.len()
    );
    let draw = |svg: &mut Markup| {
        for (at, (from, to)) in edges.iter().enumerate() {
            let title =
                format!("{} is in {}", cut(&names[*from].text, 40), cut(&names[*to].text, 40));
            let joined = Joined { title: &title, class: "managed", head: Head::Arrow };
            drawing::draw_edge(svg, &layout, (at, *from), &joined);
        }
        for (node, name) in names.iter().enumerate() {
            let classes = if node == centre { "group centre" } else { "group" };
            drawing::draw_box(svg, layout.boxes[node], &Shown { name, below: "", classes });
        }
    };
    let left_out = (children.len() - below.len(), parents.len() - above.len());
    let caption = |caption: &mut Markup| {
        caption.text("An arrow leads from a group to one that it is in.");
        if left_out != (0, 0) {
            let text = format!(
                "Not drawn: {} more that are in it, and {} more that it is in.",
                left_out.0, left_out.1
            );
            caption.said("p", &[("class", "left-out")], &text);
        }
    };
    let size = (layout.width, layout.height);
    drawing::figure(
        ("picture neighbours", Role::Group),
        (&title, &description),
        size,
        draw,
        caption,
    )
}
