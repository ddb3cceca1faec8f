//! What the system says of this process, under the names that Prometheus's own libraries use.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use rustix::process::{Resource, getrlimit};

/// Reads `/proc` at each scrape. What it can't read is left out.
#[derive(Debug)]
pub(super) struct Process;

/// The fields of `/proc/self/stat`, counted from the state of the process on.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
const THREADS: usize = 17;
const STARTED: usize = 19;
const VIRTUAL_MEMORY: usize = 20;
const RESIDENT_PAGES: usize = 21;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name of the program, in brackets, may hold anything.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let fields: Vec<&str> = fields.split(' ').collect();
        let field = |at: usize| fields.get(at)?.trim().parse::<f64>().ok();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let cpu = field(USER_TIME).zip(field(SYSTEM_TIME));
        if let Some((user, system)) = cpu {
            let name = "process_cpu_seconds";
            let help = "Processor time used, of the user and of the system";
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, f64, f64>(&((user + system) / ticks), None)?;
        }
        let page = rustix::param::page_size() as f64;
        let started = field(STARTED).zip(boot_time());
        let most_files = getrlimit(Resource::Nofile).current;
        for (name, help, value) in [
            (
                "process_start_time_seconds",
                "When the process was started, Unix time",
                started.map(|(started, boot)| boot + started / ticks),
            ),
            (
                "process_resident_memory_bytes",
                "Resident memory",
                field(RESIDENT_PAGES).map(|pages| pages * page),
            ),
            (
                "process_virtual_memory_bytes",
                "Virtual memory",
                field(VIRTUAL_MEMORY),
            ),
            ("process_threads", "Threads", field(THREADS)),
            (
                "process_open_fds",
                "Open files and connections",
                open_files(),
            ),
            (
                "process_max_fds",
                "Files and connections that may be open",
                most_files.map(|most| most as f64),
            ),
        ] {
            if let Some(value) = value {
                encoder
                    .encode_descriptor(name, help, None, MetricType::Gauge)?
                    .encode_gauge(&value)?;
            }
        }
        Ok(())
    }
}

/// When the machine was started, in Unix time.
fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn open_files() -> Option<f64> {
    // One of them is the folder that is read.
    Some(
        fs::read_dir("/proc/self/fd")
            .ok()?
            .count()
            .saturating_sub(1) as f64,
    )
}
