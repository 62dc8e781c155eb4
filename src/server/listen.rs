//! Opens the sockets: the public address, and the admin socket in the data directory.

use super::tls::Tls;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, TcpSocket, UnixListener};

/// Connections that the kernel holds while we are busy.
const BACKLOG: u32 = 1024;

/// Where requests come from.
pub struct Listeners {
    pub public: TcpListener,
    /// With it the public listener speaks HTTPS only.
    pub tls: Option<Tls>,
    pub admin: Option<UnixListener>,
}

/// Listens on `address`; port 0 takes a free one. Must run inside the runtime.
pub fn bind_public(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for old connections to fade.
    socket.set_reuseaddr(true)?;
    socket.bind(address).and_then(|()| socket.listen(BACKLOG)).map_err(|error| at(&address.to_string(), &error))
}

/// Listens on a socket that only the server's own user may open. The data directory's lock must be held: a
/// socket left behind by a killed server is replaced.
pub fn bind_admin(path: &Path) -> io::Result<UnixListener> {
    let shown = path.display().to_string();
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            let reason = io::Error::new(io::ErrorKind::AlreadyExists, "something else is in its place");
            return Err(at(&shown, &reason));
        }
        Ok(_) | Err(_) => {}
    }
    bind_private(path).map_err(|error| at(&shown, &error))
}

/// A socket is made with the mode the umask leaves; until it is 0600 it stays in a directory closed to others.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    // Shorter than "admin.sock", for socket paths end at 107 bytes.
    let nursery: PathBuf = path.with_file_name(".adm");
    match fs::remove_dir_all(&nursery) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    DirBuilder::new().mode(0o700).create(&nursery)?;
    let newborn = nursery.join("s");
    let listener = UnixListener::bind(&newborn)?;
    fs::set_permissions(&newborn, Permissions::from_mode(0o600))?;
    fs::rename(&newborn, path)?;
    fs::remove_dir(&nursery)?;
    Ok(listener)
}

fn at(place: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on `{place}`: {error}"))
}
