//! The list of what was shared, as its owner reads it.

use std::fmt;

use super::{
    send::{SAMPLED, not_taken},
    shared::{Proof, SharedReport, SharedSample, ToolSaid, VerdictSaid},
};
use crate::posix_time::rfc3339;

/// What machines made of it, for people.
fn verdict_text(said: &VerdictSaid) -> String {
    let mut text = said.outcome.as_str().to_owned();
    for reason in &said.reasons {
        text += &format!("\nby {reason}");
    }
    let (rules, scoring) = (&said.rules, &said.scoring);
    text + &format!(
        "\nrules {rules}, table {scoring}: by center and supervisor\nworker {}",
        said.worker
    )
}

impl fmt::Display for ToolSaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.product {
            Some(product) => f.write_str(product),
            None => write!(f, "{}, which no release carries", self.release.short()),
        }
    }
}

fn line<T>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    proof: &Proof<T>,
    said: impl FnOnce(&T) -> String,
) -> fmt::Result {
    match proof {
        Proof::None => Ok(()),
        Proof::Refused { why } => writeln!(f, "  {what:<9} REFUSED {why}"),
        Proof::Verified {
            said: found,
            log,
            entry,
            ..
        } => {
            for (at, line) in said(found).lines().enumerate() {
                let what = if at == 0 { what } else { "" };
                writeln!(f, "  {what:<9} {line}")?;
            }
            writeln!(f, "  {:<9} proven at entry {entry} of {log}", "")
        }
    }
}

impl fmt::Display for SharedSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.label, self.state)?;
        if let Some(member) = &self.member {
            writeln!(
                f,
                "  member    {member}; nothing else of the file was shared"
            )?;
        }
        writeln!(f, "  sample    {}", self.sample)?;
        line(f, "home", &self.home, |said| {
            format!(
                "{} by rule {} of policy version {}",
                said.home, said.rule, said.version
            )
        })?;
        match self.declined.as_deref() {
            Some(SAMPLED) => writeln!(
                f,
                "  declined  {}; nothing is wrong with the file",
                not_taken(self.one_in)
            )?,
            Some(code) => writeln!(f, "  declined  {code}; share it anew")?,
            None => {}
        }
        line(f, "receipt", &self.receipt, |said| {
            format!(
                "taken in by {} at {} (its clock)",
                said.home,
                rfc3339(said.received)
            )
        })?;
        line(f, "verdict", &self.verdict, verdict_text)?;
        line(f, "anomaly", &self.anomaly, |said| said.join("\n"))?;
        for touch in &self.touched {
            let end = touch.end.as_deref().unwrap_or("goes on");
            let (worker, at) = (touch.worker.short(), rfc3339(touch.started));
            writeln!(f, "  touched   by worker {worker} at {at}: {end} (claimed)")?;
        }
        for again in &self.again {
            line(f, "again", again, |said| {
                let (grant, by) = (said.grant.short(), &said.granted_by);
                let verdict = verdict_text(&said.verdict);
                format!("{verdict}\nby leave of {by}, grant {grant}")
            })?;
        }
        if let Some(at) = self.demanded_at {
            writeln!(f, "  demanded  erasure at {}", rfc3339(at))?;
        }
        line(f, "erased", &self.erasure, |said| {
            format!("at {} (the cell's clock)", rfc3339(said.erased_at))
        })
    }
}

impl fmt::Display for SharedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.samples.is_empty() {
            return f.write_str("nothing was ever shared");
        }
        for sample in &self.samples {
            sample.fmt(f)?;
        }
        write!(f, "does not prove")?;
        for limit in &self.does_not_prove {
            write!(f, "\n- {limit}")?;
        }
        Ok(())
    }
}
