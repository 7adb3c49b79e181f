//! The bipartite graph of training pairs as compressed sparse rows.

/// Users and items as nodes (users first), with an edge in both directions for each training pair.
///
/// The adjacency is symmetric, so a propagation and its gradient walk the same rows.
#[derive(Debug)]
pub(crate) struct Graph {
    /// Number of users; item `i` is node `users + i`.
    pub users: usize,
    /// Number of items.
    pub items: usize,
    start: Vec<usize>,
    neighbours: Vec<u32>,
    /// `1/√degree` of each node, 0 for a node without edges.
    pub inverse_root_degree: Vec<f32>,
}

impl Graph {
    /// The graph in which user `u` is joined to each of the items in `positives[u]`, once.
    pub(crate) fn new(positives: &[Vec<u32>], items: usize) -> Self {
        let users = positives.len();
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); users + items];
        for (user, list) in positives.iter().enumerate() {
            let mut sorted = list.clone();
            sorted.sort_unstable();
            sorted.dedup();
            for item in sorted {
                let node = users + item as usize;
                rows[user].push(node as u32);
                rows[node].push(user as u32);
            }
        }
        let mut start = vec![0];
        start.extend(rows.iter().scan(0, |edges, row| {
            *edges += row.len();
            Some(*edges)
        }));
        let inverse_root_degree =
            rows.iter().map(|row| if row.is_empty() { 0.0 } else { (row.len() as f32).sqrt().recip() }).collect();
        Self { users, items, start, neighbours: rows.concat(), inverse_root_degree }
    }

    /// Number of nodes.
    pub(crate) fn nodes(&self) -> usize {
        self.users + self.items
    }

    /// Number of directed edges.
    pub(crate) fn edges(&self) -> usize {
        self.neighbours.len()
    }

    /// A node's part of a value for each directed edge, in the order of its neighbours.
    pub(crate) fn of_edges<'a>(&self, values: &'a [f32], node: usize) -> &'a [f32] {
        &values[self.start[node]..self.start[node + 1]]
    }

    /// A value for each directed edge, in the parts of `rows` nodes each.
    pub(crate) fn split_edges<'a>(&self, mut values: &'a mut [f32], rows: usize) -> Vec<&'a mut [f32]> {
        let bounds = (0..self.nodes()).step_by(rows).map(|first| (first, (first + rows).min(self.nodes())));
        bounds
            .map(|(first, end)| {
                let part;
                (part, values) = std::mem::take(&mut values).split_at_mut(self.start[end] - self.start[first]);
                part
            })
            .collect()
    }

    /// The nodes that `node` is joined to, ascending.
    pub(crate) fn neighbours(&self, node: usize) -> &[u32] {
        &self.neighbours[self.start[node]..self.start[node + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_both_ways_once_and_guards_isolated_nodes() {
        let graph = Graph::new(&[vec![1, 0, 1], vec![], vec![1]], 3);
        assert_eq!(graph.neighbours(0), [3, 4]);
        assert_eq!(graph.neighbours(4), [0, 2]);
        assert!(graph.neighbours(1).is_empty() && graph.neighbours(5).is_empty());
        assert_eq!(graph.inverse_root_degree[1], 0.0);
        assert!((graph.inverse_root_degree[0] - 0.5_f32.sqrt()).abs() < 1e-7);
    }
}
