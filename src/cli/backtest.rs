use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::backtest::{BacktestError, Input, backtest};
use crate::config::Setting;

use super::{Code, ConfigFile, Failure, load};

/// Tell what the rules would have told, as JSON lines
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt backtest --messages messages.jsonl --readings readings.csv
  roomwatt backtest --messages m.jsonl --readings r.csv --set checkout_abnormal_threshold=0.3
")]
pub(super) struct Arguments {
    /// Check-in and check-out messages, one JSON object a line
    #[arg(long, value_name = "FILE")]
    messages: PathBuf,
    /// Meter readings: CSV with hotel_id,room_number,reading_value,script_time
    #[arg(long, value_name = "FILE")]
    readings: PathBuf,
    #[command(flatten)]
    config: ConfigFile,
    /// Another value for a key of [monitoring]; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = load(arguments.config.config.as_deref(), &arguments.settings)?;
    let usage = |error: anyhow::Error| Failure::new(Code::Usage, error);
    let messages = open(&arguments.messages).map_err(usage)?;
    let readings = open(&arguments.readings).map_err(usage)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let result = backtest(
        messages,
        readings,
        &config.messages,
        &config.rules,
        &mut out,
        &mut io::stderr().lock(),
    )
    .and_then(|counts| {
        out.flush().map_err(|error| BacktestError::Io {
            file: "output".into(),
            error,
        })?;
        Ok(counts)
    });
    match result {
        Ok(counts) => {
            eprintln!("backtest: {counts}");
            Ok(())
        }
        // Who reads the output has seen enough.
        Err(BacktestError::Io { error, .. }) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(usage(error.into())),
    }
}

fn open(path: &Path) -> anyhow::Result<Input<BufReader<File>>> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| name.clone())?;
    Ok(Input {
        name,
        from: BufReader::with_capacity(1 << 16, file),
    })
}
