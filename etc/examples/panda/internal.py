"""The end of a connection to a Message Director: what an AI and an UberDOG build on.

Who is connected here is inside the cluster: nobody checks what he does. He subscribes channels,
creates objects on a State Server, and is told what happens to those that he manages.
"""

from direct.distributed.ConnectionRepository import ConnectionRepository
from panda3d.core import Datagram, URLSpec, UniqueIdAllocator
from panda3d.direct import DCPacker

from dialect import controlMessage, message


class Internal(ConnectionRepository):
    """A process inside the cluster."""

    GameGlobalsId = 5000

    def __init__(self, dialect, dcFiles, suffix, channel, stateServer):
        """`channel`: our own; the 10,000 behind it are for our objects."""
        ConnectionRepository.__init__(self, self.CM_NATIVE, base.config, hasOwnerView=False)
        self.dialect = dialect
        self.dcSuffix = suffix
        self.ourChannel = channel
        self.serverId = stateServer
        self.ids = UniqueIdAllocator(channel + 1, channel + 10_000)
        self.isLost = False
        self.setClientDatagram(False)
        self.setHandleCUpdates(False)
        self.readDCFile(dcFiles)
        self.handlers = {
            dialect.UPDATE_FIELD: self.handleUpdateField,
            dialect.ENTER_AI: self.handleEnterAi,
            dialect.ENTER_AI_OTHER: self.handleEnterAiOther,
            dialect.LEAVING_AI: self.handleLeavingAi,
            dialect.DELETE_RAM: self.handleLeavingAi,
            dialect.CHANGING_LOCATION: self.handleLocation,
            dialect.LOCATE_RESP: self.handleLocated,
        }

    def begin(self, url):
        """Connects. When this process ends, in whatever way, its objects go with it."""
        self.failure = None
        self.connect(
            [URLSpec(url)], successCallback=self.connected, failureCallback=self.connectionFailed
        )

    def connected(self):
        self.registerForChannel(self.ourChannel)
        reset = message(self.serverId, self.ourChannel, self.dialect.RESET_AI)
        reset.addChannel(self.ourChannel)
        self.send(self.dialect.postRemove(self.ourChannel, reset))

    def connectionFailed(self, code, why, *_):
        self.failure = (code, why)

    def lostConnection(self):
        self.isLost = True

    # Channels and ids.

    def registerForChannel(self, channel):
        dg = controlMessage(self.dialect, self.dialect.CONTROL_ADD_CHANNEL)
        dg.addChannel(channel)
        self.send(dg)

    def allocateChannel(self):
        return self.ids.allocate()

    # Objects of our own.

    def generateWithRequiredAndId(self, obj, doId, parentId, zoneId, optionalFields=()):
        """Creates an object on the State Server, with what its `get` methods say."""
        obj.doId = doId
        dg = message(self.serverId, self.ourChannel, self.dialect.GENERATE)
        self.dialect.addEntry(dg, doId, parentId, zoneId, obj.dclass.getNumber())
        packer = DCPacker()
        for number in range(obj.dclass.getNumInheritedFields()):
            field = obj.dclass.getInheritedField(number)
            if field.isRequired() and field.asMolecularField() is None:
                packer.beginPack(field)
                isPacked = obj.dclass.packRequiredField(packer, obj, field)
                if not packer.endPack() or not isPacked:
                    raise ValueError("no %s for a new %s" % (field.getName(), obj.dclass.getName()))
        dg.appendData(packer.getBytes())
        self.send(dg)
        self.addDOToTables(obj, location=(parentId, zoneId))

    def manage(self, doId):
        """We want to be the AI of an object, and of all below it that have no other."""
        self.send(self.dialect.setAi(doId, self.ourChannel, self.ourChannel))

    def requestDelete(self, obj):
        dg = message(obj.doId, self.ourChannel, self.dialect.DELETE_RAM)
        dg.addUint32(obj.doId)
        self.send(dg)

    def sendUpdate(self, obj, fieldName, args):
        self.sendUpdateToChannel(obj, obj.doId, fieldName, args)

    def sendUpdateToChannel(self, obj, channel, fieldName, args):
        """An update that somebody else than the object is told: a single client, say."""
        dg = obj.dclass.aiFormatUpdateMsgType(
            fieldName, obj.doId, channel, self.ourChannel, self.dialect.UPDATE_FIELD, list(args)
        )
        self.send(dg)

    # What we are told.

    def handleDatagram(self, di):
        handler = self.handlers.get(self.getMsgType())
        if handler is not None:
            handler(di)

    def handleUpdateField(self, di):
        obj = self.doId2do.get(di.getUint32())
        if obj is not None:
            obj.dclass.receiveUpdate(obj, di)

    def handleEnterAi(self, di):
        self.enterAi(di, False)

    def handleEnterAiOther(self, di):
        self.enterAi(di, True)

    def enterAi(self, di, hasOther):
        """An object of somebody else has come below one of ours: we are its AI now. An AI is told
        all required fields."""
        doId, parentId, zoneId, classId = self.dialect.readEntry(di)
        dclass = self.dclassesByNumber[classId]
        if doId in self.doId2do or not dclass.hasClassDef():
            return
        obj = dclass.getClassDef()(self)
        obj.dclass, obj.doId = dclass, doId
        self.addDOToTables(obj, location=(parentId, zoneId))
        obj.generate()
        if hasOther:
            obj.updateAllRequiredOtherFields(dclass, di)
        else:
            obj.updateAllRequiredFields(dclass, di)
        self.arrived(obj)

    def handleLeavingAi(self, di):
        obj = self.doId2do.get(di.getUint32())
        if obj is not None and obj.air is not None:
            self.removeDOFromTables(obj)
            self.left(obj)
            obj.delete()

    def handleLocation(self, di):
        obj = self.doId2do.get(di.getUint32())
        if obj is not None:
            obj.setLocation(di.getUint32(), di.getUint32())

    def askWhere(self, doId):
        """The answer comes as `located`, unless there is no such object."""
        dg = message(doId, self.ourChannel, self.dialect.LOCATE)
        dg.addUint32(0)
        self.send(dg)

    def handleLocated(self, di):
        context, doId = di.getUint32(), di.getUint32()
        self.located(doId, di.getUint32(), di.getUint32())

    # For games to fill in.

    def arrived(self, obj):
        pass

    def left(self, obj):
        pass

    def located(self, doId, parentId, zoneId):
        pass
