//! How the network is reached.

use std::path::PathBuf;

use clap::Args;
use framebus_tools::bridging::Link;

use super::endpoint::{LOCAL, is_loopback, parse_endpoint};

/// How others are reached.
#[derive(Debug, Clone, Default, Args)]
pub struct LinkArgs {
    /// Connect to others there: HOST, HOST:PORT, or as Zenoh writes it (tls/box1:7447); may be given several times
    /// [default: 127.0.0.1:7447, unless --listen, --discover or --zenoh is given]
    #[arg(long, value_name = "ADDR", value_parser = parse_endpoint)]
    pub connect: Vec<String>,
    /// Look for others by multicast, and let others find this one
    #[arg(long)]
    pub discover: bool,
    /// Take everything else from this configuration of Zenoh (JSON5), such as certificates
    #[arg(long, value_name = "FILE")]
    pub zenoh: Option<PathBuf>,
}

/// Where others may connect.
#[derive(Debug, Clone, Default, Args)]
pub struct ListenArgs {
    /// Let others connect there: ADDR, ADDR:PORT, or as Zenoh writes it (tls/0.0.0.0:7447); may be given several times
    #[arg(long, value_name = "ADDR", value_parser = parse_endpoint)]
    pub listen: Vec<String>,
    /// Let everybody who reaches --listen see everything: another address than loopback needs it, or --zenoh
    #[arg(long)]
    pub public: bool,
}

impl LinkArgs {
    /// Whether any of them is.
    #[must_use]
    pub fn is_given(&self) -> bool {
        !self.connect.is_empty() || self.discover || self.zenoh.is_some()
    }

    /// The link of whoever only connects.
    ///
    /// # Errors
    /// Fails when the configuration is not there.
    pub fn link(&self) -> anyhow::Result<Link> {
        let mut link = self.with(&ListenArgs::default())?;
        if link.connect.is_empty() && link.zenoh.is_none() && !link.discover {
            link.connect.push(LOCAL.to_owned());
        }
        Ok(link)
    }

    pub(super) fn with(&self, listen: &ListenArgs) -> anyhow::Result<Link> {
        let open = listen.listen.iter().find(|address| !is_loopback(address));
        if let Some(address) = open
            && !listen.public
            && self.zenoh.is_none()
        {
            anyhow::bail!(
                "others can reach {address}: give --zenoh FILE with who may, or --public to let everybody see everything"
            );
        }
        if let Some(path) = &self.zenoh
            && !path.is_file()
        {
            anyhow::bail!("{} is no file", path.display());
        }
        let zenoh = self.zenoh.as_ref().map(std::path::absolute).transpose()?;
        Ok(Link {
            listen: listen.listen.clone(),
            connect: self.connect.clone(),
            discover: self.discover,
            zenoh,
        })
    }
}

/// Whether a link stays on this machine.
pub(super) fn stays_here(link: &Link) -> bool {
    let mut all = link.listen.iter().chain(&link.connect);
    !link.discover && link.zenoh.is_none() && all.all(|address| is_loopback(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_wants_it_is_open_to_everybody() {
        let link = LinkArgs::default();
        let listen = |text: &str, public| ListenArgs {
            listen: vec![parse_endpoint(text).expect("an address")],
            public,
        };
        let error = link.with(&listen("0.0.0.0", false)).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "others can reach tcp/0.0.0.0:7447: give --zenoh FILE with who may, or --public to let everybody see everything"
        );
        assert!(link.with(&listen("0.0.0.0", true)).is_ok());
        assert!(stays_here(
            &link.with(&listen("127.0.0.1", false)).expect("loopback")
        ));
        assert!(stays_here(&link.link().expect("the default")));
    }
}
