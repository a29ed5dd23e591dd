//! The report as one self-contained page: no script, no other address, light and dark, readable on a phone.
//!
//! Everything that came from outside goes through [`escape`]; the page's own policy forbids whatever a
//! mistake there might let in.

use std::fmt::Write as _;

use crate::findings::{Evidence, Found};
use crate::judge::Severity;
use crate::report::{
    Age, LogReport, NOT_PROVED, Outcome, Report, facts_of, facts_of_repository, when, word,
};
use crate::report_text::printable;
use crate::run_cross::hours;

const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#fff;--ink:#1b1f24;--soft:#5b6570;--line:#d9dee3;--card:#f6f8fa;\
--red:#b3261e;--redbg:#fdecea;--amber:#8a5200;--amberbg:#fff4e0;--green:#1a6b36;--greenbg:#e7f6ec}\
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--ink:#e6e9ec;--soft:#9aa5b0;--line:#343b42;\
--card:#1d2226;--red:#ff9a90;--redbg:#3b1a18;--amber:#ffc46b;--amberbg:#38280f;--green:#86dfa5;--greenbg:#14301f}}\
*{box-sizing:border-box}\
body{margin:0 auto;max-width:52rem;padding:1rem 1rem 3rem;background:var(--bg);color:var(--ink);\
font:16px/1.5 system-ui,sans-serif}\
h1{font-size:1.5rem;line-height:1.25;margin:.2rem 0}h2{font-size:1.1rem;margin:2rem 0 .5rem}\
h3{font-size:1rem;margin:0;overflow-wrap:anywhere}\
p{margin:.3rem 0}.soft{color:var(--soft)}\
code{font:.85em/1.4 ui-monospace,monospace;overflow-wrap:anywhere}\
.banner,.card{border:1px solid var(--line);border-radius:.5rem;padding:.8rem 1rem;margin:.7rem 0;background:var(--card)}\
.banner.held{border-color:var(--green);background:var(--greenbg)}.banner.held h1{color:var(--green)}\
.banner.doubtful{border-color:var(--amber);background:var(--amberbg)}.banner.doubtful h1{color:var(--amber)}\
.banner.broken{border-color:var(--red);background:var(--redbg)}.banner.broken h1{color:var(--red)}\
.finding{border-left:.35rem solid var(--line)}\
.finding.red{border-left-color:var(--red)}.finding.amber{border-left-color:var(--amber)}\
.tag{font-weight:600}.tag.red{color:var(--red)}.tag.amber{color:var(--amber)}.tag.green{color:var(--green)}\
dl{display:grid;grid-template-columns:8.5rem 1fr;gap:.15rem 1rem;margin:.6rem 0 0}\
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\
pre{overflow-x:auto;padding:.6rem;border:1px solid var(--line);border-radius:.3rem;font-size:.8rem}\
ul{padding-left:1.2rem}li{margin:.3rem 0}\
@media(max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.4rem}}";

/// Makes text harmless in HTML, in content and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            c => safe.push(c),
        }
    }
    safe
}

impl Report {
    /// The report as a page.
    pub fn to_html(&self) -> String {
        let mut page = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n");
        page += "<meta charset=\"utf-8\">\n";
        page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
        page += "<meta http-equiv=\"Content-Security-Policy\" \
                 content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n";
        page += "<title>Limpid audit</title>\n";
        page += &format!("<style>{STYLE}</style>\n</head>\n<body>\n");
        self.banner(&mut page);
        self.findings_html(&mut page);
        page += "<h2>What was counted</h2>\n";
        for log in &self.logs {
            log_html(&mut page, log);
        }
        if let Some((place, counts)) = &self.repository {
            page += "<section class=\"card\">\n<h3>TUF repository</h3>\n";
            page += &format!("<p class=\"soft\">{}</p>\n", escape(place));
            facts_html(&mut page, &facts_of_repository(counts));
            page += "</section>\n";
        }
        page += "<h2>What this does not prove</h2>\n<ul>\n";
        for line in NOT_PROVED {
            page += &format!("<li>{}</li>\n", escape(line));
        }
        page += "</ul>\n</body>\n</html>\n";
        page
    }

    fn banner(&self, page: &mut String) {
        let class = match self.outcome {
            Outcome::Held => "held",
            Outcome::Doubtful => "doubtful",
            Outcome::Broken => "broken",
        };
        let read = self
            .logs_named
            .iter()
            .filter(|name| self.logs.iter().any(|log| log.origin == **name));
        // Infallible: a String is written to.
        let _ = write!(
            page,
            "<header class=\"banner {class}\">\n<p class=\"soft\">Limpid audit, {}</p>\n<h1>{}</h1>\n\
             <p>{} red, {} amber, {} notes. {} of {} logs that the constitution names were read.</p>\n\
             <p class=\"soft\">anchor <code>{}</code></p>\n</header>\n",
            when(self.now),
            escape(&capitalised(self.outcome.headline())),
            self.count(Severity::Red),
            self.count(Severity::Amber),
            self.count(Severity::Note),
            read.count(),
            self.logs_named.len(),
            self.anchor,
        );
    }

    fn findings_html(&self, page: &mut String) {
        *page += "<h2>Findings</h2>\n";
        if self.findings.is_empty() {
            *page += "<p>Nothing was found.</p>\n";
        }
        for found in &self.findings {
            finding_html(page, found);
        }
        for (log, code, severity, count) in &self.more {
            *page += &format!(
                "<p class=\"card finding {}\">{} more of <code>{}</code> in {}</p>\n",
                word(*severity),
                count,
                escape(code),
                escape(log)
            );
        }
        for evidence in &self.evidence {
            evidence_html(page, evidence);
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + rest.as_str()
}

fn finding_html(page: &mut String, found: &Found) {
    let finding = &found.finding;
    let severity = word(finding.severity);
    *page += &format!("<article class=\"card finding {severity}\">\n");
    *page += &format!(
        "<h3><span class=\"tag {severity}\">{severity}</span> <code>{}</code></h3>\n",
        escape(finding.code)
    );
    *page += &format!("<p>{}</p>\n", escape(&finding.what));
    let mut proof = Vec::new();
    if let Some(log) = &found.log {
        proof.push(escape(log.as_str()));
    }
    if let Some(entry) = finding.entry {
        proof.push(format!("entry {entry}"));
    }
    if let Some(subject) = finding.subject {
        proof.push(format!("<code>{subject}</code>"));
    }
    if !proof.is_empty() {
        *page += &format!("<p class=\"soft\">{}</p>\n", proof.join(", "));
    }
    *page += &format!(
        "<p>What to do: {}</p>\n</article>\n",
        escape(&finding.remedy)
    );
}

fn evidence_html(page: &mut String, evidence: &Evidence) {
    *page += "<article class=\"card finding red\">\n<h3>Evidence</h3>\n";
    *page += &format!(
        "<p>{}: {}</p>\n",
        escape(evidence.origin.as_str()),
        escape(&evidence.why)
    );
    for note in [&evidence.earlier, &evidence.later] {
        let text = String::from_utf8_lossy(note);
        let lines: Vec<String> = text.lines().map(escape).collect();
        *page += &format!("<pre>{}</pre>\n", lines.join("\n"));
    }
    if let Some(fork) = &evidence.fork {
        *page += &format!(
            "<p>For anybody to judge, where evidence is written: <code>{}</code></p>\n",
            escape(&fork.name)
        );
    }
    *page += "</article>\n";
}

fn log_html(page: &mut String, log: &LogReport) {
    let (class, word) = match log.age {
        Age::Fresh => ("green", "fresh"),
        Age::Amber => ("amber", "amber"),
        Age::Red => ("red", "red"),
    };
    let age = log.age_seconds.map_or_else(
        || "no checkpoint holds".to_owned(),
        |age| format!("{} old", hours(age)),
    );
    *page += &format!(
        "<section class=\"card\">\n<h3>{}</h3>\n<p><span class=\"tag {class}\">{word}</span>, {age}</p>\n\
         <p class=\"soft\">{}</p>\n",
        escape(&log.origin),
        escape(&log.place)
    );
    facts_html(page, &facts_of(log));
    *page += "</section>\n";
}

fn facts_html(page: &mut String, facts: &[(&'static str, String)]) {
    *page += "<dl>\n";
    for (name, fact) in facts {
        *page += &format!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(fact));
    }
    *page += "</dl>\n";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        assert_eq!(
            escape("<script>alert(\"1\")</script> & 'x'\u{0}"),
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;\u{fffd}"
        );
    }

    proptest::proptest! {
        #[test]
        fn escaped_text_holds_no_markup(text in ".*") {
            let safe = escape(&text);
            proptest::prop_assert!(!safe.contains(['<', '>', '"', '\'']));
        }
    }
}
