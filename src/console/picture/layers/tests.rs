use super::order::{crossings, order};
use super::*;

fn layered(nodes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    layers(nodes, edges, &back_edges(nodes, edges))
}

#[test]
fn a_node_stands_behind_all_that_lead_to_it_but_those_of_a_cycle() {
    #[track_caller]
    fn check(nodes: usize, edges: &[(usize, usize)], expected: &[usize]) {
        assert_eq!(layered(nodes, edges), expected);
    }
    check(0, &[], &[]);
    check(1, &[], &[0]);
    check(1, &[(0, 0)], &[0]);
    check(3, &[(0, 1), (1, 2), (0, 2)], &[0, 1, 2]);
    check(3, &[(0, 1), (1, 2), (2, 1)], &[0, 1, 2]);
    check(4, &[(0, 1), (1, 2), (2, 3), (3, 1), (3, 3)], &[0, 1, 2, 3]);
}

#[test]
fn lines_that_need_not_cross_do_not() {
    #[track_caller]
    fn check(nodes: usize, edges: &[(usize, usize)], at_first: usize, at_last: usize) {
        let is_back = back_edges(nodes, edges);
        let mut columns = columns(&layers(nodes, edges, &is_back), edges, &is_back);
        assert_eq!(crossings(&columns), at_first);
        order(&mut columns);
        assert_eq!(crossings(&columns), at_last);
    }
    check(5, &[(0, 1), (0, 2), (1, 4), (2, 3)], 1, 0);
    check(7, &[(0, 1), (0, 2), (0, 3), (1, 6), (2, 5), (3, 4)], 3, 0);
    // each with each: what cannot be avoided
    check(5, &[(0, 1), (0, 2), (1, 3), (1, 4), (2, 3), (2, 4)], 1, 1);
}

#[test]
fn what_stands_alone_above_another_stands_as_high() {
    let layout = lay_out(4, &[(0, 1), (1, 2), (2, 3)]);
    let heights: Vec<_> = layout.boxes.iter().map(|corner| corner.y).collect();
    assert_eq!(heights, [MARGIN; 4]);
    assert_eq!(
        (layout.width, layout.height),
        (4 * WIDTH + 3 * GAP + 2 * MARGIN, HEIGHT + 2 * MARGIN)
    );
}

#[test]
fn an_edge_that_passes_a_column_bends_around_its_boxes() {
    let layout = lay_out(3, &[(0, 1), (1, 2), (0, 2)]);
    let Course::Forward(line) = &layout.courses[2] else { panic!("{:?}", layout.courses[2]) };
    let [bend] = line.bends[..] else { panic!("{line:?}") };
    let passed = layout.boxes[1];
    assert_eq!(bend.x, passed.x);
    assert!(bend.y < passed.y || bend.y > passed.y + HEIGHT, "{bend:?} runs through {passed:?}");
}

#[test]
fn an_edge_that_closes_a_cycle_lies_beside_the_one_that_it_answers() {
    let layout = lay_out(3, &[(0, 1), (1, 2), (2, 1)]);
    let (Course::Forward(there), Course::Back(back)) = (&layout.courses[1], &layout.courses[2])
    else {
        panic!("{:?}", layout.courses);
    };
    assert_ne!(there.start.y, back.start.y);
    assert_eq!((there.start.x, there.end.x), (back.start.x, back.end.x));
}

#[test]
fn more_bends_than_there_is_room_for_leave_the_later_edges_out() {
    let chain = 60;
    let mut edges: Vec<_> = (1..chain).map(|node| (node - 1, node)).collect();
    edges.extend((2..chain).flat_map(|to| (0..to - 1).map(move |from| (from, to))));
    let layout = lay_out(chain, &edges);
    let is_out = |course: &Course| *course == Course::LeftOut;
    assert!(!layout.courses[..chain - 1].iter().any(is_out));
    assert!(layout.courses.iter().any(is_out));
    let bends = |course: &Course| match course {
        Course::Forward(line) | Course::Back(line) => line.bends.len(),
        Course::Loop | Course::LeftOut => 0,
    };
    assert!(layout.courses.iter().map(bends).sum::<usize>() <= MAX_BENDS);
}
