//! Generates the agent's gRPC from its definition, by the `protoc` that the machine has.

fn main() -> std::io::Result<()> {
    tonic_prost_build::configure()
        // What holds a password says in `src/lib.rs` how it is shown.
        .skip_debug([".pullagent.v1.Login", ".pullagent.v1.DockerConfig"])
        .compile_protos(&["pullagent/v1/agent.proto"], &["."])
}
