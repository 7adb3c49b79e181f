//! C libraries that are loaded when they are needed, and stay.

#![expect(unsafe_code, reason = "a C library is loaded, and its functions are what they are said to be")]

use contract::{Failure, Result};
use libloading::Error;
use libloading::os::unix;

/// A library.
pub(crate) struct Library {
    library: &'static unix::Library,
    missing: fn(&Error) -> Failure,
}

impl Library {
    /// Loads a library whose symbols others may look for, too. `missing` says what it means that it is not there.
    ///
    /// # Safety
    /// Nothing may depend on what the library does when it is loaded.
    pub(crate) unsafe fn open(name: &str, missing: fn(&Error) -> Failure) -> Result<Self> {
        // SAFETY: as above.
        let library = unsafe { unix::Library::open(Some(name), unix::RTLD_NOW | unix::RTLD_GLOBAL) };
        let library = library.map_err(|error| missing(&error))?;
        Ok(Self { library: Box::leak(Box::new(library)), missing })
    }

    /// What the library has by that name.
    ///
    /// # Safety
    /// It has to be of type `T`: a function, or the address of a variable.
    pub(crate) unsafe fn symbol<T: Copy>(&self, name: &str) -> Result<T> {
        // SAFETY: as above.
        let symbol = unsafe { self.library.get::<T>(name.as_bytes()) };
        symbol.map(|symbol| *symbol).map_err(|error| (self.missing)(&error))
    }
}
