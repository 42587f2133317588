//! A coordinator that does what a test says, and tells the test what it is asked.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bespoke_device::{LeaseId, Work};
use bespoke_measure::Measurement;
use bespoke_proto::fleet::v1::{
    self as wire,
    fleet_service_server::{FleetService, FleetServiceServer},
};
use tokio::{
    net::TcpListener,
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use crate::protocol;

/// Longer than any test may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an agent asked for.
#[derive(Debug)]
pub enum Event {
    Registered(wire::Agent),
    Heartbeat(LeaseId),
    Reported(LeaseId, Box<Measurement>),
    Deregistered,
}

/// What the coordinator will answer.
#[derive(Debug, Default)]
pub struct Script {
    /// What a registration is refused with.
    pub refusal: Option<Status>,
    /// Work that is waiting.
    pub work: VecDeque<Work>,
    /// How many leases come without what they are about, before any work.
    pub cut_short: u32,
    /// Leases that have ended.
    pub ended: Vec<LeaseId>,
    /// Whether the agent is known.
    pub registered: bool,
}

/// The test's hold on the coordinator.
pub struct Coordinator {
    pub address: SocketAddr,
    pub script: Arc<Mutex<Script>>,
    change: Arc<Notify>,
    events: UnboundedReceiver<Event>,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Service {
    script: Arc<Mutex<Script>>,
    change: Arc<Notify>,
    events: UnboundedSender<Event>,
}

/// Work whose number is both its lease's and its seed.
pub fn work(number: u64) -> Work {
    Work {
        lease: LeaseId(number),
        lease_timeout: Duration::from_secs(30),
        target: "tract/b1/t1/f32".parse().expect("it is a target"),
        onnx: crate::onnx(),
        protocol: protocol(),
        seed: number,
    }
}

// === impl Coordinator ===

impl Coordinator {
    /// Serves on a free port of the loopback address.
    pub fn start(script: Script) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("it is an address"), script)
    }

    /// Serves on threads of its own, so that it can go away with its connections.
    pub fn start_at(address: SocketAddr, script: Script) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads can be had");
        let (sender, events) = unbounded_channel();
        let (script, change) = (Arc::new(Mutex::new(script)), Arc::default());
        let service = FleetServiceServer::new(Service {
            script: Arc::clone(&script),
            change: Arc::clone(&change),
            events: sender,
        });
        let listener = std::net::TcpListener::bind(address).expect("the port is free");
        listener.set_nonblocking(true).expect("it is open");
        let address = listener.local_addr().expect("it is bound");
        let _context = runtime.enter();
        let incoming =
            TcpIncoming::from(TcpListener::from_std(listener).expect("it is non-blocking"));
        runtime.spawn(
            Server::builder()
                .add_service(service)
                .serve_with_incoming(incoming),
        );
        Self {
            address,
            script,
            change,
            events,
            runtime: Some(runtime),
        }
    }

    /// Changes what will be answered, and wakes an agent that waits for work.
    pub fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().expect("no holder panics"));
        self.change.notify_waiters();
    }

    /// Goes away at once, with its connections.
    pub fn vanish(mut self) {
        let runtime = self
            .runtime
            .take()
            .expect("it is taken only here and at the end");
        // Waits for the port to be free again, which no thread of another runtime may do.
        let gone = std::thread::spawn(move || drop(runtime)).join();
        gone.expect("it does not panic");
    }

    pub async fn event(&mut self) -> Event {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        event.expect("nothing happened").expect("it still serves")
    }

    /// The next event of a kind; those before it are dropped.
    pub async fn wait_for<T>(&mut self, mut kind: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = kind(self.event().await) {
                return found;
            }
        }
    }

    pub async fn registration(&mut self) -> wire::Agent {
        self.wait_for(|event| match event {
            Event::Registered(agent) => Some(agent),
            _ => None,
        })
        .await
    }

    pub async fn heartbeat(&mut self) -> LeaseId {
        self.wait_for(|event| match event {
            Event::Heartbeat(lease) => Some(lease),
            _ => None,
        })
        .await
    }

    pub async fn report(&mut self) -> (LeaseId, Measurement) {
        self.wait_for(|event| match event {
            Event::Reported(lease, measurement) => Some((lease, *measurement)),
            _ => None,
        })
        .await
    }

    pub async fn farewell(&mut self) {
        self.wait_for(|event| matches!(event, Event::Deregistered).then_some(()))
            .await;
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

// === impl Service ===

impl Service {
    fn tell(&self, event: Event) {
        // A test that is over does not listen any more.
        self.events.send(event).ok();
    }

    fn check_lease(&self, lease: LeaseId) -> Result<(), Status> {
        let script = self.script.lock().expect("no holder panics");
        if !script.registered {
            return Err(Status::not_found("no such agent"));
        }
        match script.ended.contains(&lease) {
            true => Err(Status::failed_precondition("the lease has ended")),
            false => Ok(()),
        }
    }

    /// A lease of nothing, while there shall be some.
    fn cut_short(&self) -> Option<wire::LeaseWorkResponse> {
        let mut script = self.script.lock().expect("no holder panics");
        script.cut_short = script.cut_short.checked_sub(1)?;
        Some(wire::LeaseWorkResponse {
            work: vec![wire::Work::default()],
        })
    }

    /// Work, as much as there is and may be.
    fn next_work(&self, most: usize) -> Result<Vec<Work>, Status> {
        let mut script = self.script.lock().expect("no holder panics");
        let count = script.work.len().min(most);
        match script.registered {
            true => Ok(script.work.drain(..count).collect()),
            false => Err(Status::not_found("no such agent")),
        }
    }
}

#[tonic::async_trait]
impl FleetService for Service {
    async fn register(
        &self,
        request: Request<wire::RegisterRequest>,
    ) -> Result<Response<wire::RegisterResponse>, Status> {
        let agent = request.into_inner().agent.expect("the client sends it");
        let refusal = {
            let mut script = self.script.lock().expect("no holder panics");
            script.registered = script.refusal.is_none();
            script.refusal.clone()
        };
        // Told last: what the test changes when it hears of it is not changed back.
        self.tell(Event::Registered(agent));
        refusal.map_or_else(|| Ok(Response::new(Duration::from_millis(20).into())), Err)
    }

    async fn lease_work(
        &self,
        request: Request<wire::LeaseWorkRequest>,
    ) -> Result<Response<wire::LeaseWorkResponse>, Status> {
        let (_, _, most): (String, Duration, u32) = request.into_inner().try_into()?;
        loop {
            let changed = self.change.notified();
            if let Some(lease) = self.cut_short() {
                return Ok(Response::new(lease));
            }
            let work = self.next_work(most as usize)?;
            if !work.is_empty() {
                return Ok(Response::new(work.into()));
            }
            changed.await;
        }
    }

    async fn heartbeat(
        &self,
        request: Request<wire::HeartbeatRequest>,
    ) -> Result<Response<wire::HeartbeatResponse>, Status> {
        let (_, lease): (String, LeaseId) = request.into_inner().try_into()?;
        self.tell(Event::Heartbeat(lease));
        self.check_lease(lease)?;
        Ok(Response::new(wire::HeartbeatResponse {}))
    }

    async fn report_work(
        &self,
        request: Request<wire::ReportWorkRequest>,
    ) -> Result<Response<wire::ReportWorkResponse>, Status> {
        let report: (String, LeaseId, Measurement) = request.into_inner().try_into()?;
        let (_, lease, measurement) = report;
        self.tell(Event::Reported(lease, Box::new(measurement)));
        self.check_lease(lease)?;
        Ok(Response::new(wire::ReportWorkResponse {}))
    }

    async fn deregister(
        &self,
        _: Request<wire::DeregisterRequest>,
    ) -> Result<Response<wire::DeregisterResponse>, Status> {
        self.tell(Event::Deregistered);
        Ok(Response::new(wire::DeregisterResponse {}))
    }

    async fn list_agents(
        &self,
        _: Request<wire::ListAgentsRequest>,
    ) -> Result<Response<wire::ListAgentsResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }

    async fn measure(
        &self,
        _: Request<wire::MeasureRequest>,
    ) -> Result<Response<wire::MeasureResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }
}
