//! Which cores the disk interrupts when it has carried something out.
//!
//! A commit waits for it twice. A thread on the core that is interrupted goes on at once, one on
//! another core when that has been woken. Many disks have a queue and an interrupt for each core; some,
//! of virtual machines above all, have one for all.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How many devices may stand on each other, such as volumes on disks.
const LAYERS_MAX: usize = 8;

/// The cores that were interrupted by the disk that this lies on, the one that was most often first.
/// None if the system does not say so.
pub(super) fn cores(path: &Path) -> Vec<usize> {
    let Ok(of) = fs::metadata(path) else { return Vec::new() };
    let (major, minor) = (rustix::fs::major(of.dev()), rustix::fs::minor(of.dev()));
    let mut numbers = Vec::new();
    let device = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
    add_interrupts(&device, LAYERS_MAX, &mut numbers);
    let table = fs::read_to_string("/proc/interrupts").unwrap_or_default();
    most_first(&table, &numbers)
}

/// The numbers of a block device's interrupts, or of those that it is made of.
fn add_interrupts(device: &Path, layers: usize, numbers: &mut Vec<String>) {
    let Ok(device) = fs::canonicalize(device) else { return };
    let names = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten();
    if layers > 0 {
        names(device.join("slaves"))
            .for_each(|below| add_interrupts(&below.path(), layers - 1, numbers));
    }
    if let Some(controller) = device.ancestors().find(|at| at.join("msi_irqs").is_dir()) {
        let named = names(controller.join("msi_irqs"));
        numbers.extend(named.filter_map(|name| name.file_name().into_string().ok()));
    }
}

/// Of a table like `/proc/interrupts`: the cores that had any of these, and most of them first.
fn most_first(table: &str, numbers: &[String]) -> Vec<usize> {
    let mut lines = table.lines();
    let core = |name: &str| name.strip_prefix("CPU")?.parse().ok();
    let cores: Vec<usize> =
        lines.next().unwrap_or_default().split_whitespace().filter_map(core).collect();
    let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
    for line in lines {
        let Some((number, rest)) = line.split_once(':') else { continue };
        if !numbers.iter().any(|of_disk| of_disk == number.trim()) {
            continue;
        }
        for (core, count) in cores.iter().zip(rest.split_whitespace()) {
            *counts.entry(*core).or_default() += count.parse::<u64>().unwrap_or(0);
        }
    }
    let mut interrupted: Vec<(usize, u64)> =
        counts.into_iter().filter(|(_, count)| *count > 0).collect();
    interrupted.sort_by_key(|(core, count)| (core::cmp::Reverse(*count), *core));
    interrupted.into_iter().map(|(core, _)| core).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
            CPU0       CPU2       CPU3
  24:          1          0          0   IO-APIC   5-edge      serial
  35:          0          9          0   PCI-MSIX-0000:00:02.0   0-edge      disk-config
  36:        700          0      70000   PCI-MSIX-0000:00:02.0   1-edge      disk-req.0
 LOC:      81391      96954      12345   Local timer interrupts
";

    #[test]
    fn the_core_that_is_interrupted_most_comes_first() {
        let numbers =
            |of: &[&str]| of.iter().map(|number| (*number).to_owned()).collect::<Vec<_>>();
        assert_eq!(most_first(TABLE, &numbers(&["35", "36"])), [3, 0, 2]);
        assert_eq!(most_first(TABLE, &numbers(&["24"])), [0]);
        assert_eq!(most_first(TABLE, &numbers(&["37"])), [0_usize; 0]);
        assert_eq!(most_first("", &numbers(&["36"])), [0_usize; 0]);
    }

    #[test]
    fn what_cannot_be_known_is_left_open() {
        assert_eq!(cores(Path::new("/there/is/no/such/directory")), [0_usize; 0]);
    }
}
