//! `limpid demo`

use std::{env, fs, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use scenarios::story::{self, Listener, NOT_PROVED};

use crate::out::Out;

/// Show software from source to endpoints and files to their home, or attack it
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where its files lie; what an earlier run left there is removed
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Run one attack beside its honest twin, or `all`
    #[arg(long, value_name = "NAME")]
    attack: Option<String>,
    /// List the attacks
    #[arg(long, conflicts_with = "attack")]
    list: bool,
    /// Be the program of a cell's children in the attack `escape`, with a hole in it
    #[arg(long, hide = true)]
    holed: bool,
    /// Directory of the rule database, for that
    #[arg(long, hide = true, value_name = "DIR", requires = "holed")]
    database: Option<PathBuf>,
}

impl Demo {
    /// Forks children for samples, if this is what was asked.
    pub(super) fn work_as_child(&self) -> Option<ExitCode> {
        self.holed.then(|| {
            match scenarios::attack::attend_with_a_hole(self.database.as_deref()) {
                Ok(()) => ExitCode::SUCCESS,
                // Read by the cell, which says it to people.
                Err(error) => Out::new(false).failed(&error),
            }
        })
    }

    pub(super) async fn run(self, out: Out) -> Result<()> {
        if self.list {
            return list(out);
        }
        let machine = scenarios::machine::prepare(&|line| out.progress(line))?;
        let dir = match self.dir {
            Some(dir) => dir,
            None => machine.default_dir()?,
        };
        let limpid = env::current_exe().context("cannot find this program")?;
        if let Some(name) = self.attack {
            return scenarios::attack::run(&name, &dir, &limpid, &Stage(out))
                .await
                .and_then(|report| {
                    out.result(&report.to_string(), &report.to_json());
                    if report.all_caught() {
                        Ok(())
                    } else {
                        Err(crate::out::AlreadyTold.into())
                    }
                });
        }
        scenarios::machine::empty(&dir)?;
        out.progress(
            "Limpid: software from source to endpoints, files to their home; without network.\n",
        );
        let started = Instant::now();
        let mut summary = story::tell(&dir, &limpid, &Stage(out)).await?;
        let seconds = started.elapsed().as_secs_f64();
        let mut text = format!(
            "\nDone in {seconds:.1} s. Everything lies in {}.\n\nWhat this does not prove:\n",
            dir.display()
        );
        for line in NOT_PROVED {
            text += &crate::out::fold(2, &format!("- {line}")).join("\n");
            text.push('\n');
        }
        text += "\nNext: cargo demo --attack all";
        summary["not_proved"] = NOT_PROVED.join(" ").into();
        fs::write(dir.join("summary.json"), format!("{summary:#}\n"))
            .context("cannot write the summary")?;
        out.result(&text, &summary);
        Ok(())
    }
}

fn list(out: Out) -> Result<()> {
    let attacks = scenarios::attack::list();
    let text: String = attacks
        .iter()
        .map(|attack| format!("{:<17}{}\n", attack.name, attack.title))
        .collect();
    let value = attacks
        .iter()
        .map(|attack| serde_json::json!({"name": attack.name, "title": attack.title}))
        .collect();
    out.result(&text, &value);
    Ok(())
}

/// Prints the story as it happens.
struct Stage(Out);

impl Listener for Stage {
    fn step(&self, number: usize, title: &str) {
        self.0.progress(&format!("{number:>2}  {title}"));
    }
    fn line(&self, text: &str) {
        self.0.folded(6, text);
    }
    fn printed(&self, text: &str) {
        self.0.progress(&format!("\n{}\n", text.trim_end()));
    }
    fn done(&self, seconds: f64) {
        self.0.progress(&format!("      ({seconds:.1} s)\n"));
    }
}
