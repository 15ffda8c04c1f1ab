//! Serves a world on its own: `cargo run -p sandbox --example sandbox -- FOLDER [ADDRESS [ORDERS]]`.
//!
//! With ORDERS the large merchant has that many, computed as they are asked for; with `--machines
//! N` in its place there are so many machines beside those that are always there. `POST
//! /__admin/limits?enforced=false` lets a walk over them go as fast as it can.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use host::SystemClock;
use sandbox::{Seed, Size, World, serve};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().ok_or("name the folder of the world")?;
    let address = arguments.get(1).map_or("127.0.0.1:7717", String::as_str);
    let size = match arguments.get(2) {
        Some(flag) if flag == "--machines" => {
            Size::machines(arguments.get(3).ok_or("how many machines?")?.parse()?)
        }
        Some(orders) => Size::huge(orders.parse()?),
        None => Size::demo(),
    };
    let world = World::open(Path::new(folder), Seed(7), &size, Arc::new(SystemClock))?;
    let listener = TcpListener::bind(address).await?;
    let since = world.since();
    writeln!(std::io::stdout(), "http://{} with data since {since}", listener.local_addr()?)?;
    serve(listener, world).await?;
    Ok(())
}
