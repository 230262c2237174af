//! The set of algorithms that a program carries.

use std::sync::Arc;

use crate::{Algorithm, HashBackend};

/// The backends a program was built with, in order of preference per algorithm.
#[derive(Clone, Default)]
pub struct Registry {
    backends: Vec<Arc<dyn HashBackend>>,
}

impl Registry {
    /// A registry without any backend.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every backend that this build of the crate carries.
    pub fn with_builtin() -> Self {
        let mut registry = Self::empty();
        registry.register(Arc::new(crate::sha256d::Sha256d));
        #[cfg(feature = "scrypt")]
        registry.register(Arc::new(crate::scrypt::Scrypt));
        registry
    }

    /// Adds a backend; the first one registered for an algorithm is the preferred one.
    pub fn register(&mut self, backend: Arc<dyn HashBackend>) {
        self.backends.push(backend);
    }

    /// The preferred backend of `algorithm`.
    pub fn get(&self, algorithm: Algorithm) -> Option<&Arc<dyn HashBackend>> {
        self.backends.iter().find(|b| b.algorithm() == algorithm)
    }

    /// The preferred backend of the algorithm with this name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<dyn HashBackend>> {
        self.backends.iter().find(|b| b.algorithm().name() == name)
    }

    /// Names of the algorithms, each once, in order of registration.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for backend in &self.backends {
            let name = backend.algorithm().name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_backends_are_found_by_algorithm_and_name() {
        let registry = Registry::with_builtin();
        let backend = registry.get(Algorithm::SHA256D).unwrap();
        assert_eq!(backend.algorithm(), Algorithm::SHA256D);
        assert!(Arc::ptr_eq(backend, registry.by_name("sha256d").unwrap()));
        assert_eq!(
            registry.get(Algorithm::SCRYPT).is_some(),
            cfg!(feature = "scrypt")
        );
        assert!(registry.by_name("SHA256D").is_none());
        assert!(Registry::empty().names().is_empty());
    }

    #[test]
    fn the_first_backend_of_an_algorithm_is_preferred_and_named_once() {
        let mut registry = Registry::empty();
        let first: Arc<dyn HashBackend> = Arc::new(crate::sha256d::Sha256d);
        registry.register(Arc::clone(&first));
        registry.register(Arc::new(crate::sha256d::Sha256d));
        assert!(Arc::ptr_eq(registry.get(Algorithm::SHA256D).unwrap(), &first));
        assert_eq!(registry.names(), ["sha256d"]);
    }
}
