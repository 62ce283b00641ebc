//! Which values an interpretation needs, and for how long.

use crate::graph::Graph;

/// For each value, how many uses are still ahead.
#[derive(Debug)]
pub(crate) struct Uses {
    ahead: Vec<u32>,
    needed: Vec<bool>,
}

impl Uses {
    /// The uses among the wanted values and all that they are made of.
    pub fn of(graph: &Graph, wanted: &[bool]) -> Uses {
        let mut needed = wanted.to_vec();
        let mut ahead = vec![0; graph.len()];
        for (k, node) in graph.nodes().iter().enumerate().rev() {
            if needed[k] {
                for arg in node.args() {
                    needed[arg.index()] = true;
                    ahead[arg.index()] += 1;
                }
            }
        }
        Uses { ahead, needed }
    }

    /// True where the value is wanted or part of one that is.
    pub fn is_needed(&self, k: usize) -> bool {
        self.needed[k]
    }

    /// Value k is made: names all values that nothing uses from here on.
    pub fn finish(&mut self, graph: &Graph, k: usize, mut let_go: impl FnMut(usize)) {
        for arg in graph.nodes()[k].args() {
            let ahead = &mut self.ahead[arg.index()];
            *ahead -= 1;
            if *ahead == 0 {
                let_go(arg.index());
            }
        }
        if self.ahead[k] == 0 {
            let_go(k);
        }
    }
}
