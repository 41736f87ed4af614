//! Results that are in a store: fetched before they are read, and put there when a
//! run has ended. With a folder of results nothing of this happens.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::explain::Source;
use crate::bucket::{Bucket, BucketError, BucketUrl, Cache, Part, Sent};
use crate::escape;
use crate::options::ResultsPlace;
use crate::report::number;
use crate::store::{self, is_name};

/// Results of a folder or of a store.
pub struct Results<'a> {
    place: &'a ResultsPlace,
    cache: Option<Cache>,
}

impl<'a> Results<'a> {
    /// Results that are in a folder or a store. No request is made.
    ///
    /// # Errors
    /// The URL is none, or the environment says something wrong.
    pub fn open(place: &'a ResultsPlace) -> Result<Self, BucketError> {
        let Some(store) = &place.store else {
            return Ok(Self { place, cache: None });
        };
        let bucket = Bucket::open(&BucketUrl::parse(&store.url)?)?;
        if place.folder.as_os_str().is_empty() {
            return Err(BucketError::NoFolder);
        }
        Ok(Self {
            place,
            cache: Some(Cache::new(bucket, &place.folder)),
        })
    }

    /// The store, where results are in one.
    pub fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// Makes sure that the run, the sample or the newest run that `name` means is on
    /// this machine, and returns what to look for in the folder.
    ///
    /// # Errors
    /// The store fails, or there is no run.
    pub async fn bring(&self, name: Option<&str>) -> anyhow::Result<Option<String>> {
        match (&self.cache, name) {
            (None, name) => Ok(name.map(str::to_owned)),
            (Some(cache), None) => Ok(Some(shown(&self.bring_newest(cache).await?))),
            (Some(cache), Some(name)) => self.bring_named(cache, name).await.map(Some),
        }
    }

    async fn bring_newest(&self, cache: &Cache) -> anyhow::Result<PathBuf> {
        // Names begin with the time, and one that was not sent yet counts.
        let here = store::runs(cache.results()).pop();
        let name = here.as_deref().and_then(Path::file_name);
        let name = name.map(|name| name.to_string_lossy().into_owned());
        let found = match cache.newest().await {
            Ok(Some(run)) if name.as_ref().is_none_or(|name| *name <= run) => {
                cache.fetch(&run, Part::Whole).await
            }
            Ok(_) => Ok(None),
            Err(error) => Err(error),
        };
        match (found, here) {
            (Ok(Some(dir)), _) => Ok(dir),
            (Ok(None), Some(dir)) => Ok(dir),
            (Ok(None), None) => bail!(
                "no run in {} yet: `buildrace compare Dockerfile Dockerfile.new {}` makes one",
                self.place,
                option(self.place)
            ),
            (Err(error), Some(dir)) if error.is_unreachable() => {
                tell_of_cached(&error);
                Ok(dir)
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    async fn bring_named(&self, cache: &Cache, name: &str) -> anyhow::Result<String> {
        // Files and folders of this machine come first, as without a store.
        let (file, _) = name.rsplit_once('#').unwrap_or((name, ""));
        if name == "-" || Path::new(name).exists() || Path::new(file).is_file() {
            return Ok(name.to_owned());
        }
        let run = name.split('/').next().unwrap_or(name);
        let fetched = match is_name(run) {
            true => self.bring_run(cache, run, !name.contains('/')).await,
            false => Ok(None),
        };
        let is_here = || Source::find(Some(name), cache.results()).is_ok();
        match fetched {
            // The sample of a run that nobody named.
            Ok(Some(dir)) if dir.file_name() != Some(run.as_ref()) => {
                Ok(format!("{}/{name}", shown(&dir)))
            }
            Ok(Some(_)) => Ok(name.to_owned()),
            Ok(None) if is_here() => Ok(name.to_owned()),
            Ok(None) => bail!(
                "no build {name:?}: expected a file, a run in {} or a sample of one",
                self.place
            ),
            Err(error) if error.is_unreachable() && is_here() => {
                tell_of_cached(&error);
                Ok(name.to_owned())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A run by its name, or the newest one that has the sample.
    async fn bring_run(
        &self,
        cache: &Cache,
        name: &str,
        may_be_sample: bool,
    ) -> Result<Option<PathBuf>, BucketError> {
        if let Some(dir) = cache.fetch(name, Part::Whole).await? {
            return Ok(Some(dir));
        }
        if !may_be_sample {
            return Ok(None);
        }
        let entries = cache.entries().await?;
        let mut entries = entries
            .into_iter()
            .rev()
            .filter_map(|(_, entry)| entry.ok());
        match entries.find(|entry| entry.has_trace(name)) {
            Some(entry) => cache.fetch(&entry.run, Part::Whole).await,
            None => Ok(None),
        }
    }

    /// The folders of all runs, the newest last, fetched as far as that is asked
    /// for. A run that cannot be fetched is told of and left out.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn bring_all(&self, part: Part) -> anyhow::Result<Vec<PathBuf>> {
        let Some(cache) = &self.cache else {
            return Ok(store::runs(&self.place.folder));
        };
        let mut dirs = Vec::new();
        for (_, fetched) in cache.fetch_all(part).await? {
            match fetched {
                Ok(dir) => dirs.push(dir),
                Err(error) => errln!("warning: {}", text(&error)),
            }
        }
        for dir in cache.never_sent(store::runs(cache.results())) {
            if !dirs.contains(&dir) {
                dirs.push(dir);
            }
        }
        dirs.sort();
        Ok(dirs)
    }
}

/// Before anything is measured: whether the store takes runs, as far as that is
/// known without writing, and what it knows of noise. Where nobody answers the
/// race goes on, and its run stays here.
///
/// # Errors
/// There is no such store, or it refuses.
pub async fn prepare(place: &ResultsPlace) -> anyhow::Result<()> {
    let results = Results::open(place)?;
    let Some(cache) = results.cache() else {
        return Ok(());
    };
    match cache.fetch_calibrations().await {
        Err(error) if error.is_unreachable() => errln!(
            "warning: {}; the run stays in {} until `{}` sends it",
            text(&error),
            cache.results().display(),
            to_push(place, None)
        ),
        done => done?,
    }
    Ok(())
}

/// Puts a run that has ended into the store. Where that fails it stays here, and a
/// warning says what to type.
pub async fn send(place: &ResultsPlace, dir: &Path) {
    match sent(place, dir).await {
        Ok(Some(bytes)) => {
            let run = dir.file_name().unwrap_or_default().to_string_lossy();
            errln!("stored:  {run} in {place} ({})", number::bytes(bytes));
        }
        Ok(None) => {}
        Err(warning) => errln!("{warning}"),
    }
}

/// The same for what has come to it since.
pub async fn send_rest(place: &ResultsPlace, dir: &Path) {
    if let Err(warning) = sent(place, dir).await {
        errln!("{warning}");
    }
}

/// How many bytes were sent, if any; a warning where not all is there.
async fn sent(place: &ResultsPlace, dir: &Path) -> Result<Option<u64>, String> {
    let sent = match Results::open(place) {
        Ok(results) => match &results.cache {
            Some(cache) => cache.push(dir).await,
            None => return Ok(None),
        },
        Err(error) => Err(error),
    };
    match sent {
        Ok(Sent::Files(_, bytes)) => Ok(Some(bytes)),
        Ok(Sent::AlreadyThere) => Ok(None),
        Err(error) => {
            let run = dir.file_name().unwrap_or_default().to_string_lossy();
            Err(format!(
                "warning: run {run} is not in the store: {}; it is safe in {}, and `{}` sends it",
                text(&error),
                dir.display(),
                to_push(place, Some(&run))
            ))
        }
    }
}

/// Puts the noise floors of this machine into the store, in the same way.
pub async fn send_calibrations(place: &ResultsPlace) {
    let sent = match Results::open(place) {
        Ok(results) => match &results.cache {
            Some(cache) => cache.push_calibrations().await,
            None => return,
        },
        Err(error) => Err(error),
    };
    match sent {
        Ok(_) => errln!("stored:  noise floor in {place}"),
        Err(error) => errln!(
            "warning: the noise floor is not in the store: {}; `{}` sends it",
            text(&error),
            to_push(place, None)
        ),
    }
}

/// What to type to send what is left.
fn to_push(place: &ResultsPlace, run: Option<&str>) -> String {
    let run = run.map_or_else(String::new, |run| format!(" {run}"));
    format!("buildrace push{run} {}", option(place))
}

/// What is typed to mean the same results.
pub fn option(place: &ResultsPlace) -> String {
    format!("--results {}", quoted(&place.to_string()))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=+,".contains(c);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

fn tell_of_cached(error: &BucketError) {
    errln!("warning: {}; what is on this machine is shown", text(error));
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn text(error: &BucketError) -> String {
    escape::terminal(&error.to_string(), 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::StorePlace;
    use crate::report::fixture::{self, ARTICLE};
    use crate::store::RunWriter;

    fn place(folder: &Path, url: &str) -> ResultsPlace {
        ResultsPlace {
            folder: folder.join("results"),
            store: Some(StorePlace {
                url: url.to_owned(),
            }),
        }
    }

    #[tokio::test]
    async fn all_runs_are_those_of_the_store_and_those_that_were_not_sent() {
        let [shared, one, other] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let url = format!("file://{}", shared.path().display());
        let (one, other) = (place(one.path(), &url), place(other.path(), &url));
        let runs = [
            "20261128T101500Z-a",
            "20261129T101500Z-b",
            "20261127T101500Z-c",
        ];
        for (place, run) in [&one, &one, &other].into_iter().zip(runs) {
            let (mut record, _) = fixture::run(&ARTICLE, 1);
            run.clone_into(&mut record.run);
            let dir = RunWriter::create(&place.folder, &record)
                .unwrap()
                .dir()
                .to_owned();
            if place == &one {
                sent(place, &dir).await.unwrap().unwrap();
            }
        }
        let results = Results::open(&other).unwrap();
        let dirs = results.bring_all(Part::Summary).await.unwrap();
        let folder = |run: &str| other.folder.join(run);
        assert_eq!(dirs, [runs[2], runs[0], runs[1]].map(folder));
    }

    #[tokio::test]
    async fn a_run_that_cannot_be_sent_stays_and_a_warning_says_what_to_type() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("20261129T101500Z-3f9a1c");
        let place = |url: &str| place(folder.path(), url);
        for (url, told) in [
            ("file:///no/such folder", "no such bucket: create it"),
            ("ftp://host/x", "is not the URL of a store: unknown scheme"),
        ] {
            let warning = sent(&place(url), &dir).await.unwrap_err();
            let safe = format!("; it is safe in {}, and `buildrace push", dir.display());
            assert!(
                warning.contains(told) && warning.contains(&safe),
                "{warning}"
            );
        }
        let warning = sent(&place("file:///no/such folder"), &dir).await;
        assert!(warning.unwrap_err().ends_with(
            "`buildrace push 20261129T101500Z-3f9a1c --results 'file:///no/such folder'` \
                 sends it"
        ));
    }
}
