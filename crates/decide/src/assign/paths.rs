//! Cheapest paths and negative cycles of a small graph given by the weights of its edges.

/// A closed path, first node repeated at its end, whose weights sum to less than −`rounding` an edge (Bellman and Ford).
pub(super) fn negative_cycle(weights: &[f64], n: usize, rounding: f64) -> Option<Vec<usize>> {
    if let Some(node) = (0..n).find(|&node| weights[node * n + node] < -rounding) {
        return Some(vec![node, node]);
    }
    let (mut cost, mut before) = (vec![0.0; n], vec![usize::MAX; n]);
    for _ in 0..n {
        let mut changed = None;
        for from in 0..n {
            for to in 0..n {
                let through = cost[from] + weights[from * n + to];
                if through < cost[to] - rounding {
                    cost[to] = through;
                    before[to] = from;
                    changed = Some(to);
                }
            }
        }
        changed?;
        // A cycle among the predecessors is one of negative weight.
        if let Some(cycle) = cycle_of(&before) {
            return Some(cycle);
        }
    }
    None
}

/// A cycle of the predecessors, in the direction of the edges.
fn cycle_of(before: &[usize]) -> Option<Vec<usize>> {
    let mut seen_from = vec![usize::MAX; before.len()];
    for start in 0..before.len() {
        let mut node = start;
        while node != usize::MAX && seen_from[node] == usize::MAX {
            seen_from[node] = start;
            node = before[node];
        }
        if node != usize::MAX && seen_from[node] == start {
            let mut cycle = vec![node];
            let mut back = before[node];
            while back != node {
                cycle.push(back);
                back = before[back];
            }
            cycle.push(node);
            cycle.reverse();
            return Some(cycle);
        }
    }
    None
}

/// Cheapest paths between all nodes, of the fewest edges among those equally cheap (Floyd and Warshall).
pub(super) struct Paths {
    n: usize,
    pub(super) cost: Vec<f64>,
    n_edges: Vec<u32>,
    /// The node after the first on the way.
    next: Vec<usize>,
}

impl Paths {
    pub(super) fn new(weights: Vec<f64>, n: usize, rounding: f64) -> Self {
        let next = (0..n * n).map(|edge| if weights[edge] < f64::INFINITY { edge % n } else { usize::MAX }).collect();
        let mut paths = Self { n, cost: weights, n_edges: vec![1; n * n], next };
        for through in 0..n {
            for from in (0..n).filter(|&from| from != through) {
                let first = from * n + through;
                if paths.cost[first] == f64::INFINITY {
                    continue;
                }
                for to in (0..n).filter(|&to| to != through && to != from) {
                    paths.improve(from * n + to, first, through * n + to, rounding);
                }
            }
        }
        paths
    }

    /// Takes the path over `first` and `second` where it is cheaper, or as cheap with fewer edges.
    fn improve(&mut self, direct: usize, first: usize, second: usize, rounding: f64) {
        let cost = self.cost[first] + self.cost[second];
        let n_edges = self.n_edges[first] + self.n_edges[second];
        let is_shorter = cost <= self.cost[direct] + rounding && n_edges < self.n_edges[direct];
        if cost < self.cost[direct] - rounding || is_shorter {
            self.cost[direct] = cost;
            self.n_edges[direct] = n_edges;
            self.next[direct] = self.next[first];
        }
    }

    /// The nodes of the path.
    pub(super) fn between(&self, from: usize, to: usize) -> Vec<usize> {
        let mut path = vec![from];
        let mut node = from;
        while node != to && path.len() <= self.n {
            node = self.next[node * self.n + to];
            path.push(node);
        }
        path
    }
}
