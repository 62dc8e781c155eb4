//! Images of other hosts in introductions: fetched by the server and kept, so that no visitor's browser asks elsewhere.

use super::profile::is_named;
use crate::app::{App, Error};
use crate::db::repo::team_profile;
use crate::domain::id::OutsideImageId;
use crate::domain::image::check_image;
use crate::domain::team_profile::OutsideImage;
use crate::fetch::{FetchError, FetchLimits};
use bytes::Bytes;
use std::time::Duration;

/// Images looked at in one pass.
const PAGE: usize = 20;
const LIMITS: FetchLimits = FetchLimits { bytes: 1 << 20, time: Duration::from_secs(20) };
const SIDE_MAX: u32 = 4096;
/// A badge says something new now and then.
const AGAIN_SECS: i64 = 86_400;
/// After a failure, and for a host that is not named: it may be, later.
const RETRY_SECS: i64 = 900;

impl App {
    /// Fetches the images that are due, of hosts that the settings name. Says how many came; what was there before stays
    /// when fetching fails.
    pub async fn fetch_outside_images(&self) -> Result<usize, Error> {
        let now = self.clock.now();
        let due = self.db.read(move |tx| team_profile::due_images(tx, now, PAGE).map_err(Error::from)).await?;
        let mut fetched = 0;
        for id in due {
            let found = self.db.read(move |tx| team_profile::image(tx, id).map_err(Error::from)).await?;
            let Some(image) = found else { continue };
            if self.fetch_outside_image(id, &image).await? {
                fetched += 1;
                continue;
            }
            let until = self.clock.now().plus_secs(RETRY_SECS);
            self.db.write(move |tx| Ok::<_, Error>(team_profile::put_off(tx, id, until)?)).await?;
        }
        Ok(fetched)
    }

    async fn fetch_outside_image(&self, id: OutsideImageId, image: &OutsideImage) -> Result<bool, Error> {
        let hosts = self.system_settings().outside_images.clone();
        if !is_named(&hosts, &image.url) {
            return Ok(false);
        }
        let is_host_named = |host: &str| hosts.iter().any(|named| named.eq_ignore_ascii_case(host));
        let fetched = self.fetcher.fetch(&image.url, is_host_named, LIMITS).await;
        let checked = fetched.and_then(|fetched| match check_image(&fetched.bytes, LIMITS.bytes, SIDE_MAX) {
            Ok(facts) => Ok((facts, fetched.bytes)),
            Err(_) => Err(FetchError::Type),
        });
        let (facts, bytes) = match checked {
            Ok(checked) => checked,
            Err(error) => {
                tracing::debug!(team.id = %image.team, image.id = %id, %error, "an outside image was not fetched");
                return Ok(false);
            }
        };
        let team = image.team;
        let announced = self.db.write(move |tx| Ok::<_, Error>(team_profile::announce(tx, team)?));
        let (object, ticket) = announced.await?;
        let stored = self.store_image(team, object, facts, Bytes::from(bytes)).await?;
        let again = self.clock.now().plus_secs(AGAIN_SECS);
        let keep = (again, ticket);
        let kept = self.db.write(move |tx| {
            let (again, ticket) = &keep;
            Ok::<_, Error>(team_profile::keep_fetched(tx, id, stored.clone(), (*again, ticket))?)
        });
        kept.await
    }
}

#[cfg(test)]
#[path = "outside_image_tests.rs"]
mod tests;
