//! A scrape of inspector's metrics.

/// The metrics in the text format, as of one moment.
#[derive(Clone, Debug)]
pub struct Metrics(pub String);

impl Metrics {
    /// The sum of a metric's series that have all these labels, and whole numbers; `None` where there is none.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
        let series = |line: &str| {
            let (key, value) = line.rsplit_once(' ')?;
            let (found, rest) = key.split_once('{').unwrap_or((key, ""));
            let has = |(label, value): &(&str, &str)| {
                rest.trim_end_matches('}').split(',').any(|pair| pair == format!("{label}=\"{value}\""))
            };
            (found == name && labels.iter().all(has)).then(|| value.parse::<u64>().ok())?
        };
        self.0.lines().filter_map(series).reduce(|sum, value| sum + value)
    }

    /// Packets of a class that came in by an interface.
    pub fn packets(&self, interface: &str, class: &str) -> u64 {
        let labels = [("interface", interface), ("direction", "ingress"), ("class", class)];
        self.value("inspector_packets_total", &labels).unwrap_or(0)
    }
}
