//! The landing page.

use std::fmt::{self, Write};

use super::Snapshot;

/// Displays text with what HTML gives a meaning escaped.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The page: what this is, where the metrics are, and what is attached.
pub(super) fn landing(snapshot: &Snapshot, telemetry_path: &str) -> Result<String, fmt::Error> {
    let mut page = String::from(HEAD);
    let version = Escaped(&snapshot.build.version);
    write!(page, "<p>Covert-channel detector, version {version}.</p>\n<ul>\n")?;
    for (path, title) in [(telemetry_path, "Metrics"), ("/-/healthy", "Health"), ("/-/ready", "Readiness")] {
        writeln!(page, "<li><a href=\"{}\">{title}</a></li>", Escaped(path))?;
    }
    page.push_str("</ul>\n<h2>Interfaces</h2>\n");
    if snapshot.attachments.is_empty() {
        page.push_str("<p>None attached.</p>\n");
    } else {
        page.push_str(
            "<table>\n<thead><tr><th scope=\"col\">Interface</th><th scope=\"col\">Direction</th>\
             <th scope=\"col\">Mode</th><th scope=\"col\">Program</th></tr></thead>\n<tbody>\n",
        );
        for attached in &snapshot.attachments {
            writeln!(
                page,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                Escaped(&attached.interface),
                attached.direction.name(),
                attached.mode,
                attached.program_id
            )?;
        }
        page.push_str("</tbody>\n</table>\n");
    }
    page.push_str("</main>\n</body>\n</html>\n");
    Ok(page)
}

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>inspector</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: 0.25rem 1.5rem 0.25rem 0; border-bottom: 1px solid #8888; }
</style>
</head>
<body>
<main>
<h1>inspector</h1>
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::sample;

    #[test]
    fn lists_interfaces_and_links() {
        let mut snapshot = sample::snapshot();
        let page = landing(&snapshot, "/metrics").unwrap();
        assert!(page.contains("<a href=\"/metrics\">Metrics</a>"));
        assert!(page.contains("<tr><td>eth0</td><td>ingress</td><td>native</td><td>42</td></tr>"));
        snapshot.attachments[0].interface = "<script>'\"&".into();
        assert!(landing(&snapshot, "/").unwrap().contains("<td>&lt;script&gt;&#39;&quot;&amp;</td>"));
        snapshot.attachments.clear();
        assert!(landing(&snapshot, "/").unwrap().contains("None attached."));
    }
}
