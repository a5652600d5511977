//! A world: a checked world file, ready to be played.

use osusume_model::{Code, Date, Fault, Result};

use crate::plan::{self, Plan};
use crate::schema::WorldFile;

/// The shipped world.
const ISP: &str = include_str!("../worlds/isp.toml");

/// A company with a known truth.
#[derive(Clone, Debug)]
pub struct World {
    file: WorldFile,
    plan: Plan,
}

impl World {
    /// The internet provider that comes with the program.
    pub fn isp() -> Self {
        Self::parse(ISP, "worlds/isp.toml").expect("the shipped world is checked by the tests")
    }

    /// Reads a world from its text; `name` is the file's name in messages.
    ///
    /// # Errors
    /// `WorldInvalid` with the key or place of everything that is wrong.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let file: WorldFile = toml::from_str(text).map_err(|error| syntax_fault(text, name, &error))?;
        let plan = plan::compile(&file).map_err(|fault| fault.in_file(name))?;
        Ok(Self { file, plan })
    }

    /// First day of the history.
    pub fn start(&self) -> Date {
        Date(self.plan.start)
    }

    /// The day after the last of the history.
    pub fn end(&self) -> Date {
        Date(self.plan.end)
    }

    /// The number of customers unless another is asked for.
    pub fn default_customers(&self) -> u64 {
        self.file.setting.customers
    }

    /// The seed unless another is given.
    pub fn default_seed(&self) -> u64 {
        self.file.setting.seed
    }

    /// Product codes of the offers, in the order of the file.
    pub fn offer_keys(&self) -> Vec<&str> {
        self.file.offer.iter().map(|offer| offer.product.as_str()).collect()
    }

    pub(crate) fn file(&self) -> &WorldFile {
        &self.file
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }
}

fn syntax_fault(text: &str, name: &str, error: &toml::de::Error) -> Fault {
    let fault = Fault::new(Code::WorldInvalid).with("key", "").because(error.message()).in_file(name);
    let Some(span) = error.span() else { return fault };
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) as u64 + 1;
    fault.at(line, column).at_byte(span.start as u64)
}
