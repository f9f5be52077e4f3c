"""The client's end of the connection to a Client Agent: what a game client builds on.

Panda3D does the networking, the DC file and the bookkeeping of objects and interests. What is here
is the protocol in between: which message says what. (From 1.11 on Panda3D has an
`AstronClientRepository` of its own; this one works with 1.10, and speaks both dialects.)
"""

from direct.distributed.ClientRepositoryBase import ClientRepositoryBase
from direct.distributed.PyDatagram import PyDatagram
from panda3d.core import Datagram, DatagramIterator, Filename, HTTPClient, URLSpec
from panda3d.direct import DCPacker

# Objects that are there before any other; they are the same in the server's configuration.
GATE = 4665  # the LoginManager, an UberDOG
PARK = 5000  # the parent of all zones
ENTRANCE = 1  # the zone in which visitors arrive


class ParkClient(ClientRepositoryBase):
    """A client of the park."""

    # The root of the tree of parents: below it, interests may be opened at once.
    GameGlobalsId = PARK

    def __init__(self, dialect, dcFiles, method):
        """`method`: CM_NATIVE, CM_NET or CM_HTTP; of these HTTP alone can speak TLS."""
        ClientRepositoryBase.__init__(self, dcFiles, connectMethod=method)
        self.dialect = dialect
        # Updates go to `handleUpdateField` below: Panda3D's own shortcut knows Astron's number only.
        self.setHandleCUpdates(False)
        # Heartbeats are sent by a task of this chain; without threads of its own it runs with us.
        base.taskMgr.setupTaskChain("net", numThreads=0)
        self.isWelcome = False
        self.ejected = None
        self.isLost = False
        self.gate = None
        self.park = None
        self.handlers = {
            dialect.CLIENT_HELLO_RESP: self.handleHelloResp,
            dialect.CLIENT_EJECT: self.handleEject,
            dialect.CLIENT_UPDATE_FIELD: self.handleUpdateField,
            dialect.CLIENT_ENTER: self.handleEnter,
            dialect.CLIENT_ENTER_OTHER: self.handleEnterOther,
            dialect.CLIENT_ENTER_OWNER: self.handleEnterOwner,
            dialect.CLIENT_ENTER_OWNER_OTHER: self.handleEnterOwnerOther,
            dialect.CLIENT_LEAVING: self.handleLeaving,
            dialect.CLIENT_LEAVING_OWNER: self.handleLeavingOwner,
            dialect.CLIENT_LOCATION: self.handleObjectLocation,
            dialect.CLIENT_DONE_INTEREST: self.handleDone,
        }

    # Connecting.

    def trust(self, certificate):
        """Before `connect`: which authority the certificates of servers must be signed by."""
        self.http = HTTPClient()
        self.http.setVerifySsl(HTTPClient.VSNormal)
        self.http.loadCertificates(Filename.fromOsSpecific(certificate))

    def begin(self, url, version):
        """Connects and says who we are. `https://localhost:7196` is TLS, and then the certificate
        must be for that name; `http://` is plain TCP, whatever the method."""
        self.failure = None
        self.connect(
            [URLSpec(url)],
            successCallback=self.sendHello,
            successArgs=[version],
            failureCallback=self.connectionFailed,
        )

    def connectionFailed(self, code, why, *_):
        self.failure = (code, why)

    def sendHello(self, version):
        """The server wants the same version, and the same classes: their hash."""
        dg = PyDatagram()
        dg.addUint16(self.dialect.CLIENT_HELLO)
        dg.addUint32(self.hashVal)
        dg.addString(version)
        self.send(dg)

    def handleHelloResp(self, di):
        """We may talk: to UberDOGs that are `anonymous`, and to nobody else yet."""
        self.isWelcome = True
        self.gate = self.generateGlobalObject(GATE, "LoginManager")
        self.startHeartbeat()

    def sendHeartbeat(self):
        dg = PyDatagram()
        dg.addUint16(self.dialect.CLIENT_HEARTBEAT)
        self.send(dg)

    def enterPark(self):
        """To be called when the gate has let us in: it has declared the park to us, so we may open
        interests below it."""
        self.park = self.generateGlobalObject(PARK, "DistributedPark")

    def handleEject(self, di):
        """The server ends the connection, and says why."""
        self.ejected = (di.getUint16(), di.getString())

    def lostConnection(self):
        self.isLost = True
        self.stopHeartbeat()

    def leave(self):
        dg = PyDatagram()
        dg.addUint16(self.dialect.CLIENT_DISCONNECT)
        self.send(dg)
        self.flush()
        self.stopHeartbeat()
        self.disconnect()

    # Messages.

    def handleDatagram(self, di):
        handler = self.handlers.get(self.getMsgType())
        if handler is None:
            self.notify.warning("what is message %d?" % self.getMsgType())
        else:
            handler(di)

    def sendUpdate(self, obj, fieldName, args):
        """Asks for an update of a field. The server checks whether we may: the field must be
        `clsend`, or `ownsend` in an object that we own."""
        field = obj.dclass.getFieldByName(fieldName)
        packer = DCPacker()
        packer.rawPackUint16(self.dialect.CLIENT_UPDATE_FIELD)
        packer.rawPackUint32(obj.doId)
        packer.rawPackUint16(field.getNumber())
        packer.beginPack(field)
        field.packArgs(packer, tuple(args))
        if not packer.endPack():
            raise ValueError("%s%r is no value of the field" % (fieldName, tuple(args)))
        self.send(Datagram(packer.getBytes()))

    # Objects that we see because of an interest.

    def handleEnter(self, di):
        doId, parentId, zoneId, classId = self.dialect.readEntry(di)
        dclass = self.dclassesByNumber[classId]
        self.generateWithRequiredFields(dclass, doId, di, parentId, zoneId)

    def handleEnterOther(self, di):
        doId, parentId, zoneId, classId = self.dialect.readEntry(di)
        dclass = self.dclassesByNumber[classId]
        self.generateWithRequiredOtherFields(dclass, doId, di, parentId, zoneId)

    def handleLeaving(self, di):
        """An object is gone, or out of sight."""
        doId = di.getUint32()
        # `openotp` has one message for both views.
        for isOwners, table in ((False, self.doId2do), (True, self.doId2ownerView)):
            if doId in table and (not isOwners or self.dialect.CLIENT_LEAVING_OWNER is None):
                self.disableDoId(doId, ownerView=isOwners)

    # Objects that we own.

    def handleEnterOwner(self, di):
        self.generateOwner(di, False)

    def handleEnterOwnerOther(self, di):
        self.generateOwner(di, True)

    def generateOwner(self, di, hasOther):
        """The owner is told the required fields that are `broadcast`, `clrecv` or `ownrecv`."""
        doId, parentId, zoneId, classId = self.dialect.readEntry(di)
        dclass = self.dclassesByNumber[classId]
        obj = dclass.getOwnerClassDef()(self)
        obj.dclass, obj.doId = dclass, doId
        self.doId2ownerView[doId] = obj
        obj.generateInit()
        obj.generate()
        obj.setLocation(parentId, zoneId)
        data = di.getRemainingBytes()
        packer = DCPacker()
        packer.setUnpackData(data)
        for number in range(dclass.getNumInheritedFields()):
            field = dclass.getInheritedField(number)
            isTold = field.isBroadcast() or field.isClrecv() or field.isOwnrecv()
            if field.isRequired() and isTold and field.asMolecularField() is None:
                packer.beginUnpack(field)
                field.receiveUpdate(packer, obj)
                packer.endUnpack()
        obj.announceGenerate()
        obj.postGenerateMessage()
        if hasOther:
            rest = Datagram(data[packer.getNumUnpackedBytes():])
            dclass.receiveUpdateOther(obj, DatagramIterator(rest))

    def handleLeavingOwner(self, di):
        self.disableDoId(di.getUint32(), ownerView=True)

    # Where things are.

    def handleObjectLocation(self, di):
        doId, parentId, zoneId = di.getUint32(), di.getUint32(), di.getUint32()
        for table in (self.doId2do, self.doId2ownerView):
            if doId in table:
                table[doId].setLocation(parentId, zoneId)

    def sendSetLocation(self, doId, parentId, zoneId):
        """Moves an object that we own, if the server lets clients do so (`client.relocate`)."""
        dg = PyDatagram()
        dg.addUint16(self.dialect.CLIENT_LOCATION)
        dg.addUint32(doId)
        dg.addUint32(parentId)
        dg.addUint32(zoneId)
        self.send(dg)

    # Interests: `addInterest` and `removeInterest` of Panda3D end here.

    def _sendAddInterest(self, handle, contextId, parentId, zoneIdList, description, action=None):
        zones = zoneIdList if isinstance(zoneIdList, list) else [zoneIdList]
        self.send(self.dialect.interest(contextId, handle, parentId, zones))

    def _sendRemoveInterest(self, handle, contextId):
        self.send(self.dialect.noInterest(contextId, handle))

    def handleDone(self, di):
        """An interest is complete: all objects have been shown."""
        context, interest = self.dialect.readDone(di)
        # Panda3D reads this in Astron's order.
        dg = PyDatagram()
        dg.addUint32(context)
        dg.addUint16(interest)
        self.handleInterestDoneMessage(DatagramIterator(dg))
