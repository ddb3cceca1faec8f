//! The service while its links to RabbitMQ, MySQL and Feishu break: all it is given is done once
//! they are whole, and done once.

#[path = "../support/mod.rs"]
mod support;

mod broken;
mod silent;
mod wire;
mod work;
